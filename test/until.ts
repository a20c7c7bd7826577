/** Looks until something real has happened, and tells after how many milliseconds; rejects with what has not. */
export async function until(
  what: string | (() => string),
  happened: () => boolean | Promise<boolean>,
  ms = 20_000,
): Promise<number> {
  const start = performance.now();
  while (!(await happened())) {
    if (performance.now() - start > ms)
      throw new Error(`waited ${ms} ms in vain until ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - start;
}
