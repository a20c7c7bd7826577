import { describe, expect, test } from "vitest";
import { announcedTrailers, passedTrailers } from "../../src/policy/trailers.ts";
import { lines } from "./builders.ts";

const ALLOWED = ["Server-Timing", "X-Checksum", "ETag", "Content-Digest", "grpc-status", "Cache-Status"];
const REFUSED = [
  // Framing, routing and this hop's own (RFC 9110 §6.5.1).
  ...["Content-Length", "Transfer-Encoding", "Trailer", "TE", "Connection", "Upgrade", "Host", "Via"],
  ...["X-Cache-Status", "X-Request-Id", "Warning"],
  // Controls.
  ...["Age", "Cache-Control", "CDN-Cache-Control", "Expires", "Date", "Location", "Retry-After", "Vary"],
  // Authentication and state.
  ...["WWW-Authenticate", "Proxy-Authenticate", "Authorization", "Set-Cookie"],
  // What tells how to process the content.
  ...["Content-Type", "Content-Encoding", "Content-Range", "Content-Location", "Content-Security-Policy"],
];

describe("behind a body", () => {
  for (const name of ALLOWED) {
    test(`${name} may come, and be announced`, () => {
      const [upper, twice] = [{ [name.toUpperCase()]: "1" }, { [name]: ["1", "2"] }];
      expect(passedTrailers(lines(upper))).toEqual(lines(upper));
      expect(passedTrailers(lines(twice))).toEqual(lines(twice));
      expect(announcedTrailers(lines({ Trailer: name }))).toEqual([name]);
    });
  }

  for (const name of REFUSED) {
    test(`${name} may not`, () => {
      const others = { "X-Before": "1", "X-After": "2" };
      expect(passedTrailers(lines({ "X-Before": "1", [name]: ["x", "y"], "X-After": "2" }))).toEqual(
        lines(others),
      );
      expect(announcedTrailers(lines({ trailer: `X-Before, ${name},${name.toUpperCase()}` }))).toEqual([
        "X-Before",
      ]);
    });
  }

  test("several lines announce together, and what is no field name is not repeated", () => {
    const trailer = ["X-A, , X-B", 'not a name, "X-C", X-D\xe9,X-E'];
    expect(announcedTrailers(lines({ Trailer: trailer }))).toEqual(["X-A", "X-B", "X-E"]);
    expect(announcedTrailers([])).toEqual([]);
  });
});
