import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { anyFreePort, chooseBlock, portState } from "../../scripts/ports.ts";

const taken =
  (...ports: number[]) =>
  async (port: number) =>
    !ports.includes(port);

describe("chooseBlock", () => {
  const BLOCK = [4001, 4002, 4003];

  test("takes the block itself when it is free", async () => {
    expect(await chooseBlock(BLOCK, [], taken())).toEqual([4001, 4002, 4003]);
  });

  test("goes ten further for each block of which a port is taken", async () => {
    expect(await chooseBlock(BLOCK, [], taken(4003, 4011))).toEqual([4021, 4022, 4023]);
  });

  test("leaves the ports that the run needs itself", async () => {
    expect(await chooseBlock(BLOCK, [4001, 4012], taken())).toEqual([4021, 4022, 4023]);
  });

  test("stays below the last port", async () => {
    expect(await chooseBlock([65_530, 65_531], [], taken(65_530))).toBeUndefined();
  });

  test("gives up after a bounded number of blocks", async () => {
    let asked = 0;
    const none = async () => {
      asked += 1;
      return false;
    };
    expect(await chooseBlock([4001], [], none)).toBeUndefined();
    expect(asked).toBe(50);
  });
});

describe("portState", () => {
  test.each(["127.0.0.1", "0.0.0.0", "::"])(
    "sees what listens on %s, and that it has ended",
    async (host) => {
      const port = await anyFreePort();
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(port, host, resolve));
      expect(await portState(port)).toBe("taken");
      await new Promise((resolve) => server.close(resolve));
      expect(await portState(port)).toBe("free");
    },
  );
});
