import { describe, expect, it } from "vitest";
import { Upload } from "../../src/origin/upload.ts";
import { rejection } from "./asking.ts";

describe("an upload that is cut", () => {
  it("rejects the chunk that is waited for, and every later one, and never ends cleanly", async () => {
    let told = 0;
    const silent = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => {
          told++;
          return Promise.reject(new Error("it does not want to stop"));
        },
      }),
    };
    const upload = new Upload(silent);
    const reader = upload[Symbol.asyncIterator]();
    const waiting = rejection(reader.next());
    upload.cut();
    upload.cut();
    expect(await waiting).toBeInstanceOf(Error);
    expect(await rejection(reader.next())).toBeInstanceOf(Error);
    expect(told).toBe(1);
  });

  it("is told from one whose stream broke", async () => {
    const broken = new Error("client left");
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw broken;
    }
    const upload = new Upload(breaking());
    const reader = upload[Symbol.asyncIterator]();
    await reader.next();
    expect(upload.brokeWith(broken)).toBe(false);
    expect(await rejection(reader.next())).toBe(broken);
    expect(upload.brokeWith(broken)).toBe(true);
    expect(upload.brokeWith(new Error("other"))).toBe(false);
  });
});
