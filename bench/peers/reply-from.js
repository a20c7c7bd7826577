// @fastify/reply-from in front of one origin: `node reply-from.js <port> <origin>`.
import replyFrom from "@fastify/reply-from";
import Fastify from "fastify";

const [port, base] = process.argv.slice(2);
const app = Fastify({ logger: false, keepAliveTimeout: 600_000 });
await app.register(replyFrom, { base, undici: { connections: 256, pipelining: 1 } });
app.get("/*", (request, reply) => reply.from(request.url));
await app.listen({ port: Number(port), host: "127.0.0.1" });
