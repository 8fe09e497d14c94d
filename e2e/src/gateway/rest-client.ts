/** A REST client that keeps what it has seen, in the header as a program does, or in the cookie as a browser does. */
export class RestClient {
  readonly #url: string;
  readonly #keep: 'header' | 'cookie' | 'nothing';
  #kept = '';

  constructor(url: string, keep: 'header' | 'cookie' | 'nothing' = 'cookie') {
    this.#url = url;
    this.#keep = keep;
  }

  async send(method: string, path: string, { body, headers = {} }: SendOptions = {}): Promise<Answer> {
    const response = await fetch(`${this.#url}/api/${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.#kept === '' ? {} : { [this.#keep === 'header' ? 'banyan-tokens' : 'cookie']: this.#kept }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    this.#remember(response.headers);
    const text = await response.text();
    const told = (text === '' ? {} : JSON.parse(text)) as Answer['body'];
    return { status: response.status, headers: response.headers, body: told };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, { headers });
  }

  post(path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, { headers, ...(body === undefined ? {} : { body }) });
  }

  #remember(headers: Headers): void {
    const [cookie] = headers.getSetCookie();
    if (this.#keep === 'cookie' && cookie !== undefined) this.#kept = cookie.split(';')[0] ?? '';
    if (this.#keep === 'header') this.#kept = headers.get('banyan-tokens') ?? this.#kept;
  }
}

interface SendOptions {
  body?: object;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown> & { id: string; version: number; items: Thing[] };
}

/** Anything that the API gives. */
export interface Thing extends Record<string, unknown> {
  id: string;
  version: number;
}
