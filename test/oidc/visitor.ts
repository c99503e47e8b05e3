/** A page that a visitor has come to. */
export interface Page {
  url: URL;
  status: number;
  text: string;
}

interface Cookie {
  value: string;
  path: string;
  strict: boolean;
}

const hopsMax = 20;

/**
 * Goes from page to page as a browser does: with cookies by origin and path, redirects, refreshing pages, and forms. What begins
 * on another origin gets no cookie that is SameSite=Strict. (In a browser on one machine every port is the same site.)
 */
export class Visitor {
  readonly #jars = new Map<string, Map<string, Cookie>>();

  /** `from`: the page with the link or the form. */
  async open(
    address: string | URL,
    { from, form }: { from?: Page; form?: Record<string, string> } = {},
  ): Promise<Page> {
    let url = new URL(address, from?.url);
    let fields = form;
    let begunOn = from?.url.origin ?? url.origin;
    for (let hop = 0; hop < hopsMax; hop++) {
      const response = await fetch(url, {
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          cookie: this.#cookiesFor(url, begunOn),
          ...(begunOn === url.origin ? {} : { 'sec-fetch-site': 'cross-site' }),
          ...(fields ? { origin: begunOn } : {}),
        },
        ...(fields ? { method: 'POST', body: new URLSearchParams(fields) } : {}),
      });
      this.#keep(url.origin, response.headers.getSetCookie());
      const text = await response.text();
      const location = response.headers.get('location');
      const refresh = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(text)?.[1];
      if (!location && refresh === undefined) return { url, status: response.status, text };
      if (!location) begunOn = url.origin;
      url = new URL(location ?? refresh!.replaceAll('&amp;', '&'), url);
      fields = undefined;
    }
    throw new Error(`no end of redirects, at ${url}`);
  }

  /** Sends the first form of a page, with its hidden fields. */
  submit(page: Page, fields: Record<string, string> = {}): Promise<Page> {
    const [, action = '', inside = ''] = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(page.text) ?? [];
    const inputs = [...inside.matchAll(/<input[^>]*>/g)]
      .map(([input]) => input)
      .filter((input) => input.includes('hidden'));
    const hidden = inputs.map((input) => [attribute(input, 'name'), attribute(input, 'value')]);
    return this.open(action, { from: page, form: { ...Object.fromEntries(hidden), ...fields } });
  }

  cookie(origin: string, name: string): string | undefined {
    return this.#jars.get(origin)?.get(name)?.value;
  }

  #cookiesFor({ origin, pathname }: URL, begunOn: string): string {
    const fitting = [...(this.#jars.get(origin) ?? [])].filter(
      ([, { path, strict }]) => pathname.startsWith(path) && !(strict && begunOn !== origin),
    );
    return fitting.map(([name, { value }]) => `${name}=${value}`).join('; ');
  }

  #keep(origin: string, lines: string[]): void {
    const jar = this.#jars.get(origin) ?? new Map<string, Cookie>();
    this.#jars.set(origin, jar);
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const path = /; *path=([^;]+)/i.exec(line)?.[1] ?? '/';
      if (value === '' || /max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, { value, path, strict: /samesite=strict/i.test(line) });
    }
  }
}

const attribute = (tag: string, name: string) => new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1] ?? '';
