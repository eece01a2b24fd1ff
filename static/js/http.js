// Calls to the API with the session's CSRF token; errors come back as the API's own sentence.
export class ApiError extends Error {
  constructor(message, { status = 0, code = "", fields = {} } = {}) {
    super(message);
    Object.assign(this, { status, code, fields });
  }
}

export async function failure(response) {
  const body = await response.json().catch(() => ({}));
  return new ApiError(body.error || `The server answered ${response.status}.`, {
    status: response.status,
    code: body.code,
    fields: body.fields || {},
  });
}

export async function call(method, url, { json, body, headers = {}, signal } = {}) {
  const sent = { "X-CSRFToken": document.body.dataset.csrf, Accept: "application/json", ...headers };
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: sent,
      body: json === undefined ? body : JSON.stringify(json),
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached.");
  }
  if (!response.ok) throw await failure(response);
  return response;
}

export const callJson = async (...args) => (await call(...args)).json();
