/** A GET as a browser sends it. */
export interface Request {
  /** `{n}` in it becomes a number. */
  readonly path: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

export const SITE = "www.example.test";

const BROWSER = [
  ["Host", SITE],
  [
    "User-Agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  ],
  ["Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"],
  ["Accept-Encoding", "gzip, deflate, br, zstd"],
  ["Accept-Language", "en-GB,en;q=0.9,de;q=0.8"],
] as const;

export const COOKIE = ["Cookie", "theme=dark; _ga=GA1.1.1684920573.1763712000; consent=yes"] as const;

/** Of that path, with these fields beside the usual ones. */
export const requestFor = (path: string, ...more: Request["fields"]): Request => ({
  path,
  fields: [...BROWSER, ...more],
});

/** As it goes to a server, `{n}` still in it. */
export const bytesOf = ({ path, fields }: Request): string =>
  `GET ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
