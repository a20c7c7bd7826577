FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY mock-origin mock-origin
COPY scripts scripts
RUN npx tsc -p tsconfig.build.json && npx tsc -p src/admin/dashboard/client && \
  cp -R src/admin/dashboard/static dist/src/admin/dashboard/ && npm prune --omit=dev --no-audit --no-fund

FROM node:26-slim
# As scripts/node-args.ts.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
WORKDIR /app
COPY package.json ./
COPY bin bin
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# By number, so that Kubernetes can see that it is not root. Nothing is written: the root may be read-only.
USER 1000:1000
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "const port = process.env.ADMIN_PORT || Number(process.env.PORT || 3000) + 1; fetch(`http://127.0.0.1:${port}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# As scripts/node-args.ts.
CMD ["node", "--max-semi-space-size=8", "bin/freshline.js"]
