/** Asks the admin API this page came from, with the token when there is one. */

const TOKEN = "freshline-token";
const PATIENCE_MS = 15_000;

export const tokenInUse = (): string | null => sessionStorage.getItem(TOKEN);
export const useToken = (token: string): void => sessionStorage.setItem(TOKEN, token);

/** The API's answer was not the one that was asked for; `status` is 0 where there was none. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Throws ApiFailure. */
export async function getJson<T>(path: string): Promise<T> {
  const response = await ask(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  return (await response.json()) as T;
}

/** Throws ApiFailure. */
export async function postJson<T>(path: string, body: unknown): Promise<T> {
  const response = await ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return (await response.json()) as T;
}

/** The answer, once its head is there; throws ApiFailure unless it is a 2xx. */
export async function ask(path: string, init: RequestInit): Promise<Response> {
  const token = tokenInUse();
  const headers = new Headers(init.headers);
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  const response = await fetch(path, { ...init, headers, cache: "no-store" }).catch((error: unknown) => {
    if (init.signal?.aborted === true && !(error instanceof DOMException && error.name === "TimeoutError"))
      throw error;
    throw new ApiFailure(0, "the admin API does not answer");
  });
  if (response.ok) return response;
  throw new ApiFailure(response.status, await messageOf(response));
}

/** What a problem document (RFC 9457) says. */
async function messageOf(response: Response): Promise<string> {
  const said = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const { detail } = said;
  return typeof detail === "string" ? detail : `the admin API answered ${response.status}`;
}
