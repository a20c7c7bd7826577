import fc from "fast-check";

/** Pieces of requests as they are and as they should not be; strings of them are nearly right, which is what hurts. */
const BITS = [
  ...[
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "  ",
    "\t",
    ":",
    ": ",
    ",",
    ";",
    "=",
    '"',
    "\0",
    "\x0b",
    "\x7f",
    "\xff",
  ],
  ...["GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "/a", "/b?c", "//", "*", "http://b.example/c", "#", "\\"],
  ...[" HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/2.0\r\n", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"],
  ...[
    "Host: a.example\r\n",
    "Host: b.example\r\n",
    "Host",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
  ],
  ...[
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 30\r\n",
    "Content-Length",
    "Content-Length:5,5\r\n",
  ],
  ...[
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding",
    "chunked",
    "identity",
  ],
  ...[
    "Upgrade: h2c\r\n",
    "Connection: Upgrade\r\n",
    "Expect: 100-continue\r\n",
    "TE: trailers\r\n",
    "X: 1\r\n",
    "X",
  ],
  ...[
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "5;a=b\r\nhello\r\n",
    "hello",
    "a",
    "5",
    "0",
    "ffffffff",
    "-1",
    "+5",
  ],
];

const bits = fc.array(fc.constantFrom(...BITS), { maxLength: 14 }).map((all) => all.join(""));

/** A well-formed request. */
const wellFormed = fc
  .record({
    method: fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE"),
    target: fc.constantFrom("/a", "/b?c", "//d", "/%2e"),
    body: fc.constantFrom("", "hello", "0\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n"),
    framing: fc.constantFrom("length", "chunked", "small chunks", "none"),
    extra: fc.subarray(["X: 1", "Connection: keep-alive", "Accept: */*", "Expect: 100-continue"]),
  })
  .map(({ method, target, body, framing, extra }) => {
    const head = [`${method} ${target} HTTP/1.1`, "Host: a.example", ...extra];
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const whole = body === "" ? "" : chunk(body);
    switch (framing) {
      case "length":
        return `${[...head, `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`;
      case "chunked":
        return `${[...head, "Transfer-Encoding: chunked"].join("\r\n")}\r\n\r\n${whole}0\r\n\r\n`;
      case "small chunks":
        return `${[...head, "Transfer-Encoding: chunked"].join("\r\n")}\r\n\r\n${[...body].map(chunk).join("")}0\r\n\r\n`;
      default:
        return `${head.join("\r\n")}\r\n\r\n`;
    }
  });

/** A request with a few bytes put in, taken out or replaced. */
const damaged = fc
  .tuple(
    wellFormed,
    fc.array(fc.record({ at: fc.nat(200), drop: fc.nat(3), add: fc.constantFrom("", ...BITS) }), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([request, edits]) =>
    edits.reduce((text, { at, drop, add }) => {
      const from = at % (text.length + 1);
      return text.slice(0, from) + add + text.slice(from + drop);
    }, request),
  );

/** Bytes of a connection: requests, most of them damaged, and bits. */
export const anyBytes: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: damaged },
      { weight: 2, arbitrary: wellFormed },
      { weight: 1, arbitrary: bits },
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((all) => all.join(""));

/** A chunked body as it should not be, behind a right head. */
export const anyChunks: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ...[
        "5\r\nhello\r\n",
        "1\r\nx\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "\r\n",
        "\n",
        "\r",
        "5",
        "00",
        "a",
        "ffff",
        "g",
        " ",
        "\t",
      ],
      ...[
        ";",
        ";a",
        ";a=b",
        ';a="b"',
        ';a="\r\n"',
        "hello",
        "X: 1\r\n",
        "X : 1\r\n",
        "Content-Length: 3\r\n",
        "\0",
        "-",
        "0x",
      ],
    ),
    { minLength: 1, maxLength: 10 },
  )
  .map((all) => `POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n${all.join("")}`);

/** How many bytes are written at once. */
export const anyPieces: fc.Arbitrary<number> = fc.constantFrom(1, 2, 7, 31, 100_000);
