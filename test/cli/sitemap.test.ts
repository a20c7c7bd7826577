import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { sitemapOf } from "../../src/cli/sitemap-of-proxy.ts";
import { parseSitemap } from "../../src/config/sitemap.ts";
import { readSitemaps, readWarmList, WarmListError } from "../../src/config/warm-list.ts";
import { startOrigin } from "../scenario/own-origin.ts";
import { startSite } from "../scenario/site.ts";

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const urlset = (...urls: readonly string[]) =>
  `${HEAD}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${urls
    .map((url) => `<url>\n  <loc>${url}</loc><lastmod>2026-01-01</lastmod></url>`)
    .join("")}</urlset>`;
const index = (...urls: readonly string[]) =>
  `${HEAD}<sitemapindex>${urls.map((url) => `<sitemap><loc>${url}</loc></sitemap>`).join("")}</sitemapindex>`;

/** Sitemaps of which these are all that there are. */
const sitemaps = (all: Readonly<Record<string, string>>) => ({
  sitemap: async (url: string) => all[url] ?? Promise.reject(new WarmListError(`no ${url}`)),
});

describe("a sitemap", () => {
  it("lists pages, whatever is escaped in their URLs, and no pictures or comments", () => {
    const xml = `${HEAD}<urlset xmlns:image="x"><!-- <loc>http://a/commented</loc> -->
      <url><loc>
        http://a/?a=1&amp;b=&#39;&#x41;&unknown;
      </loc><image:image><image:loc>http://a/picture</image:loc></image:image></url>
      <url><loc><![CDATA[http://a/?c=1&d=2]]></loc></url><url><loc> </loc></url></urlset>`;
    expect(parseSitemap(xml)).toEqual({
      urls: ["http://a/?a=1&b='A&unknown;", "http://a/?c=1&d=2"],
      sitemaps: [],
    });
  });

  it("may be an index, which lists sitemaps", () => {
    expect(parseSitemap(index("http://a/1.xml"))).toEqual({ urls: [], sitemaps: ["http://a/1.xml"] });
  });

  it("is read in a time that grows with its length alone", () => {
    for (const hostile of ["<loc>", "<!--", "<loc><![CDATA["])
      expect(parseSitemap(hostile.repeat(200_000)).urls).toEqual([]);
  });
});

describe("sitemaps", () => {
  it("are followed from index to index, each once", async () => {
    const sources = sitemaps({
      "http://a/index.xml": index("http://a/1.xml", "http://a/index.xml", "http://a/more.xml"),
      "http://a/more.xml": index("http://a/1.xml", "http://a/2.xml"),
      "http://a/1.xml": urlset("http://a/x", "http://a/y"),
      "http://a/2.xml": urlset("http://a/y", "http://a/z"),
    });
    expect(await readSitemaps(["http://a/index.xml"], sources)).toEqual({
      urls: ["http://a/x", "http://a/y", "http://a/z"],
      skipped: 0,
    });
  });

  it("speak for their own site alone", async () => {
    const sources = sitemaps({
      "http://a/index.xml": index("http://evil/1.xml", "http://a/1.xml"),
      "http://a/1.xml": urlset("https://a/x", "http://a:8080/y", "http://evil/z", "file:///etc/passwd"),
      "http://evil/1.xml": urlset("http://evil/never"),
    });
    expect(await readSitemaps(["http://a/index.xml"], sources)).toEqual({
      urls: ["https://a/x"],
      skipped: 4,
    });
  });

  it("are bounded in number, and so are their pages", async () => {
    let n = 0;
    const endless = {
      sitemap: async () => index(...Array.from({ length: 100 }, () => `http://a/${n++}.xml`)),
    };
    await expect(readSitemaps(["http://a/"], endless)).rejects.toThrow("more than 1000 sitemaps to read");
    expect(n).toBeLessThan(1_500);
    const long = {
      sitemap: async () => urlset(...Array.from({ length: 100_001 }, (_, i) => `http://a/${i}`)),
    };
    await expect(readSitemaps(["http://a/"], long)).rejects.toThrow("more than 100000 URLs to warm");
  });

  it("that list nothing are none", async () => {
    await expect(readSitemaps(["/s.xml"], sitemaps({ "/s.xml": "<html>" }))).rejects.toThrow(
      "/s.xml is not a sitemap",
    );
  });

  it("are files, too, packed or not, and what an index lists is asked for", async () => {
    const directory = mkdtempSync(join(tmpdir(), "freshline-sitemap-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, "a.xml"), urlset("http://a/x"));
    writeFileSync(join(directory, "b.xml.gz"), gzipSync(urlset("http://b/y")));
    writeFileSync(join(directory, "c.xml"), index("http://c/1.xml"));
    const sources = sitemaps({ "http://c/1.xml": urlset("http://c/z") });
    expect(await readWarmList(["a.xml", "b.xml.gz", "c.xml"], directory, sources)).toEqual([
      "http://a/x",
      "http://b/y",
      "http://c/z",
    ]);
    await expect(readWarmList(["c.xml"], directory)).rejects.toThrow(
      "http://c/1.xml is to be read by freshline warm",
    );
    // 17 MiB of blanks are 17 KiB when packed.
    writeFileSync(join(directory, "bomb.gz"), gzipSync(Buffer.alloc(17 * 1024 * 1024, " ")));
    await expect(readWarmList(["bomb.gz"], directory)).rejects.toThrow("bomb.gz is longer than 16 MiB");
  });

  it("stand on standard input where it is named", async () => {
    const standardInput = async () => "/a\n# b\nhttp://c/\n";
    expect(await readWarmList(["-"], ".", { standardInput })).toEqual(["/a", "http://c/"]);
  });
});

describe("a sitemap that the proxy serves", () => {
  async function served(respond: (path: string) => { body: string | Buffer; status?: number; to?: string }) {
    const hosts: string[] = [];
    const origin = await startOrigin((request, response) => {
      hosts.push(String(request.headers["x-forwarded-host"] ?? request.headers.host));
      const { body, status = 200, to } = respond(request.url ?? "");
      response.writeHead(status, to === undefined ? {} : { Location: to }).end(body);
    });
    const site = await startSite({ settings: { ORIGINS: origin.url } });
    const config = { HOST: "127.0.0.1", PORT: site.proxy.port, ADMIN_HOST: "127.0.0.1" };
    const read = (url: string) => sitemapOf(config, url, new AbortController().signal);
    return { read, hosts, port: site.proxy.port };
  }

  it("is asked of it, whatever host its URL names", async () => {
    const { read, hosts, port } = await served(() => ({ body: "<urlset/>" }));
    expect(await read("https://shop.test/sitemap.xml?a=1")).toBe("<urlset/>");
    expect(await read("/sitemap.xml")).toBe("<urlset/>");
    expect(hosts).toEqual(["shop.test", `localhost:${port}`]);
  });

  it("is unpacked", async () => {
    const { read } = await served(() => ({ body: gzipSync("<urlset>1</urlset>") }));
    expect(await read("http://shop.test/sitemap.xml.gz")).toBe("<urlset>1</urlset>");
  });

  it("is not looked for elsewhere", async () => {
    const { read } = await served(() => ({ body: "", status: 301, to: "http://evil.test/" }));
    await expect(read("http://shop.test/s.xml")).rejects.toThrow(
      new WarmListError("cannot read http://shop.test/s.xml: answered 301, to http://evil.test/"),
    );
  });

  it("is not unpacked without an end", async () => {
    const { read } = await served(() => ({ body: gzipSync(Buffer.alloc(51 * 1024 * 1024)) }));
    await expect(read("http://shop.test/s.gz")).rejects.toThrow("longer than 50 MiB when unpacked");
  });
});
