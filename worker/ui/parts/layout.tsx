import type { Child, PropsWithChildren } from 'hono/jsx';
import { agentVersion } from '../../../node/version.ts';
import type { ProblemBody } from '../call.ts';
import type { Session } from '../session.ts';
import { Form } from './form.tsx';
import { ProblemAlert } from './problem.tsx';
import { SessionContext } from './session-context.ts';

const places = [
  ['Stacks', '/ui/stacks'],
  ['Hosts', '/ui/hosts'],
  ['Migrations', '/ui/migrations'],
  ['Drains', '/ui/drains'],
  ['Webhooks', '/ui/webhooks'],
  ['Tokens', '/ui/tokens'],
  ['Audit', '/ui/audit'],
] as const;
export type Place = (typeof places)[number][0];

export interface PageProps {
  title: string;
  /** How far what the page shows has come; in front of the window's title. */
  progress?: string | undefined;
  session: Session | null;
  place?: Place;
  /** The breadcrumb above the title. */
  trail?: [label: string, href: string][];
  /** Beside the title. */
  beside?: Child;
  /** Below the title. */
  lead?: Child;
  acts?: Child;
  problem?: ProblemBody | undefined;
  /** Confirmation of the last act. */
  said?: string | undefined;
  /** One column of text and fields. */
  narrow?: boolean;
  /** Address of server-sent events that trigger a refresh. */
  events?: string | undefined;
  /** Refresh interval in seconds; no refresh if omitted. */
  everyS?: number | undefined;
}

/** The frame of every page: head, navigation, title, confirmation or problem. */
export function Page({ children, ...page }: PropsWithChildren<PageProps>) {
  const { title, session, place, trail = [], narrow = false, events, everyS } = page;
  return (
    <SessionContext.Provider value={session}>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{[...(page.progress ? [page.progress] : []), title, 'Stackferry'].join(' · ')}</title>
          <link rel="icon" href="/ui/icon-32.png" sizes="32x32" type="image/png" />
          <link rel="icon" href="/ui/icon.svg" type="image/svg+xml" sizes="any" />
          <link rel="apple-touch-icon" href="/ui/icon-180.png" />
          <link rel="stylesheet" href="/ui/style.css" />
          <script type="module" src="/ui/page.js" />
          {everyS || events ? (
            <noscript>
              <meta http-equiv="refresh" content={String(everyS ?? 5)} />
            </noscript>
          ) : null}
        </head>
        <body>
          <a class="skip" href="#main">
            Skip to the content
          </a>
          <Bar session={session} place={place} />
          <main id="main" class={narrow ? 'narrow' : undefined} tabindex={-1} data-events={events} data-every={everyS}>
            {trail.length > 0 ? (
              <nav class="trail" aria-label="Breadcrumb">
                {trail.map(([label, href]) => (
                  <a href={href}>{label}</a>
                ))}
              </nav>
            ) : null}
            <div class="head">
              <div class="title">
                <h1>{title}</h1>
                {page.beside}
              </div>
              {page.acts ? <div class="acts">{page.acts}</div> : null}
            </div>
            {everyS || events ? (
              <p class="alert bad" role="alert" id="lost" hidden>
                <strong>The control plane does not answer.</strong> This page is as of{' '}
                <time datetime={new Date().toISOString()} data-ago>
                  just now
                </time>
                ; running migrations continue, and the page keeps trying.
              </p>
            ) : null}
            {page.lead ? <div class="lead">{page.lead}</div> : null}
            {page.said ? (
              <p class="alert ok" role="status">
                {page.said}
              </p>
            ) : null}
            {page.problem ? <ProblemAlert problem={page.problem} /> : null}
            {children}
          </main>
          <footer class="foot">
            <span>Stackferry {agentVersion}</span>
            <a href="/api/v1/docs">API</a>
            <a href="/api/v1/openapi.json">OpenAPI document</a>
          </footer>
        </body>
      </html>
    </SessionContext.Provider>
  );
}

/** Beside "Migrations", on every page. */
function Attention({ many }: { many: number }) {
  return (
    <a class="badge" href="/ui/migrations?status=needs_attention" title="Migrations that need attention">
      {many}
      <span class="unseen"> need attention</span>
    </a>
  );
}

function Bar({ session, place }: { session: Session | null; place: Place | undefined }) {
  return (
    <header class="bar">
      <a class="brand" href="/ui">
        <img src="/ui/icon.svg" alt="" width="22" height="22" />
        Stackferry
      </a>
      {session ? (
        <>
          {/* On a phone a menu, which needs no script; elsewhere a part of the bar. */}
          <button type="button" class="menu" popovertarget="nav">
            Menu
            {session.attention > 0 ? (
              <span class="badge">
                {session.attention}
                <span class="unseen"> need attention</span>
              </span>
            ) : null}
          </button>
          <nav aria-label="Main" id="nav" popover="auto">
            <ul>
              {places.map(([label, href]) => (
                <li>
                  <a href={href} aria-current={label === place ? 'page' : undefined}>
                    {label}
                  </a>
                  {label === 'Migrations' && session.attention > 0 ? <Attention many={session.attention} /> : null}
                </li>
              ))}
            </ul>
          </nav>
          <div class="who">
            <span class="muted" title={`Scopes of this token: ${session.scopes.join(', ')}`}>
              {session.tokenName}
            </span>
            <Form action="/ui/logout">
              <button type="submit" class="quiet">
                Log out
              </button>
            </Form>
          </div>
        </>
      ) : null}
    </header>
  );
}
