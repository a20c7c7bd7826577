/**
 * Was this thrown by ioredis over an answer that is RESP, but nothing that a Redis says? It does so
 * where nobody can catch it; the command that the answer was for times out, and the connection with it.
 */
export const isForgedAnswer = (error: unknown): boolean =>
  error instanceof TypeError && /[\\/]ioredis[\\/]built[\\/]DataHandler\.js/.test(error.stack ?? "");
