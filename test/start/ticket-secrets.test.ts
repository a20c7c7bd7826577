import { expect, it, onTestFinished, vi } from "vitest";
import { TicketSecrets } from "../../src/start/ticket-secrets.ts";

const DAY_MS = 24 * 3600 * 1000;

it("is another one every day, until nobody wants it any more, and whoever seals with it hears", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const tickets = new TicketSecrets();
  const heard: Uint8Array[] = [];
  tickets.follow((secret) => heard.push(secret));
  const first = tickets.secret;
  const stop = tickets.renewDaily();
  vi.advanceTimersByTime(DAY_MS - 1);
  expect(tickets.secret).toBe(first);
  vi.advanceTimersByTime(1 + DAY_MS);
  stop();
  vi.advanceTimersByTime(10 * DAY_MS);
  expect(heard).toHaveLength(2);
  expect(heard[1]).toBe(tickets.secret);
  expect(new Set([first, ...heard].map((secret) => Buffer.from(secret).toString("hex"))).size).toBe(3);
  expect(tickets.secret).toHaveLength(32);
});

it("is that of the process that has begun this one", () => {
  const secret = new Uint8Array(32).fill(7);
  const tickets = new TicketSecrets(secret);
  const heard: Uint8Array[] = [];
  tickets.follow((renewed) => heard.push(renewed));
  expect(tickets.secret).toBe(secret);
  const renewed = new Uint8Array(32).fill(8);
  tickets.renew(renewed);
  expect([tickets.secret, heard]).toEqual([renewed, [renewed]]);
});
