import { expect, test } from "vitest";
import { combinedLines } from "../../src/observe/combined.ts";
import { anAnswer, MISS } from "./an-event.ts";

const AT = new Date(2026, 10, 1, 9, 5, 7, 999);
const line = combinedLines(() => AT.getTime());
const asker = (...fields: string[]) => ({ address: "192.0.2.7", httpVersion: "1.1", fields });

test("a request is the line that nginx writes for it, with the cache's word behind it", () => {
  const minutes = -AT.getTimezoneOffset();
  const hours = `${Math.trunc(Math.abs(minutes) / 60)}`.padStart(2, "0");
  const offset = `${minutes < 0 ? "-" : "+"}${hours}${`${Math.abs(minutes) % 60}`.padStart(2, "0")}`;
  const referer = ["Referer", "https://user:s3cret@a.example/b?token=s3cret&c=1"];
  expect(
    line(
      anAnswer({
        uri: "http://shop.example/data?id=1&token=s3cret",
        outcome: MISS,
        asker: asker("Host", "shop.example", ...referer, "User-Agent", "curl/8.5"),
      }),
    ),
  ).toBe(
    `192.0.2.7 - - [01/Nov/2026:09:05:07 ${offset}] "GET /data?id=1&token=*** HTTP/1.1" 200 512 ` +
      '"https://a.example/b?token=***&c=1" "curl/8.5" MISS\n',
  );
});

test("HTTP/2 is called as nginx calls it", () => {
  const over2 = { ...asker(), httpVersion: "2" };
  expect(line(anAnswer({ uri: "http://h/", asker: over2 }))).toContain('"GET / HTTP/2.0"');
});

test("what is not known is a dash", () => {
  const { asker: _, ...unknown } = anAnswer({ method: "-", uri: "-", status: 408 });
  expect(line(unknown)).toMatch(/^- - - \[.{26}\] "- -" 408 512 "-" "-" HIT\n$/);
  const nobody = { address: undefined, httpVersion: "1.0", fields: ["User-Agent", "", "Referer", ""] };
  expect(line(anAnswer({ asker: nobody }))).toMatch(/^- .* HTTP\/1\.0" 200 512 "-" "-" HIT\n$/);
});

test("nothing in it ends a quotation or a line: such bytes are escaped as nginx does", () => {
  const agent = 'a"b\\c\r\nd\t\x1b\x7f\xe9e';
  const written = line(anAnswer({ uri: 'http://h/"\\\n€', asker: asker("User-Agent", agent) }));
  expect(written).toContain('"a\\x22b\\x5Cc\\x0D\\x0Ad\\x09\\x1B\\x7F\\xE9e"');
  expect(written).toContain('"GET /\\x22\\x5C\\x0A\\xE2\\x82\\xAC HTTP/1.1"');
  expect(written.match(/\n/g)).toHaveLength(1);
});
