import { expect, test } from 'vitest';
import { inCommands } from '../../cli/output/report.ts';
import { inWordsOfPages } from '../../worker/ui/words-of-pages.ts';
import { sourcesIn } from '../support/sources.ts';

/** Options and routes as the API has them. */
const ofApi =
  /"(?:sizing|mode|binds|env|exclude|cutover_dns|proxy_protocol|forward|hold|accept_\w+|with_\w+)"|(?:DELETE|POST) \/api/;
/** What a pre-flight says, with something in each gap. */
const said = [...sourcesIn('worker/saga/preflight')]
  .flatMap(([, text]) => [...text.matchAll(/(['`])((?:(?!\1)[^\n\\])+)\1/g)].map(([, , words]) => words!))
  .filter((words) => ofApi.test(words))
  .map((words) =>
    words
      .replace(/\$\{otherSizing\}/, 'stack')
      .replaceAll(/\$\{migration_id\}/g, `mig_${'0'.repeat(26)}`)
      .replaceAll(/\$\{[^}]*\}/g, 'x'),
  );

test('the advice of a pre-flight is in the words of the command line there, and of the pages here', () => {
  expect(said.length).toBeGreaterThan(10);
  for (const words of said) expect(inCommands(words), words).not.toMatch(ofApi);
  // Routes become links on the pages: test/worker/ui-lifts.test.ts.
  for (const words of said)
    expect(inWordsOfPages(words), words).not.toMatch(/"(?:[a-z]+_[a-z_]+|sizing|mode|env|binds)"/);
});

test('each option becomes its flag, and its field', () => {
  const texts = [
    'These hosts cannot copy while the stack runs: use "mode": "stop-copy".',
    'Only a pre-copy can hold: use "mode": "pre-copy".',
    'An agent is too old to hold: update it, or migrate without "hold".',
    'Only forwarded connections get a PROXY header: add "forward".',
    'start it with --public-address IP, or migrate without "cutover_dns".',
    'If the shell that started it had HOME set, give it: "env": ["HOME=…"].',
    '"hold" does not answer. Start its agent and try again.',
  ];
  expect(texts.map(inCommands)).toEqual([
    'These hosts cannot copy while the stack runs: use --mode stop-copy.',
    'Only a pre-copy can hold: use --mode pre-copy.',
    'An agent is too old to hold: update it, or migrate without --hold.',
    'Only forwarded connections get a PROXY header: add --forward.',
    'start it with --public-address IP, or migrate without --on-cutover-dns.',
    "If the shell that started it had HOME set, give it: --env 'HOME=…'.",
    '"hold" does not answer. Start its agent and try again.',
  ]);
  expect(texts.map(inWordsOfPages)).toEqual([
    'These hosts cannot copy while the stack runs: use "Stop, then copy".',
    'Only a pre-copy can hold: use "Copy first, then stop".',
    'An agent is too old to hold: update it, or migrate without "Hold, and cut over when I say".',
    'Only forwarded connections get a PROXY header: add "Forward connections from the old host".',
    'start it with --public-address IP, or migrate without "Names".',
    'If the shell that started it had HOME set, give its value below.',
    '"hold" does not answer. Start its agent and try again.',
  ]);
});
