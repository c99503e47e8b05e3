import { shellWord } from '../../node/shell-word.ts';
import type { Check, Plan, Report } from '../../schema/preflight-report.ts';
import { bytes, count, duration, rate, rateLimit, sizeOr } from '../../schema/units.ts';
import { flagOf } from '../consents.ts';
import { labelled, pad, prose } from './layout.ts';
import { wayOutSentence } from './next-move.ts';
import type { Style, Terminal } from './terminal.ts';

const words: { [S in Check['status']]: [word: string, style: Style] } = {
  pass: ['pass', 'green'],
  fail: ['FAIL', 'red'],
  note: ['note', 'yellow'],
  skipped: ['skip', 'dim'],
};

/** Formats the pre-flight report, after a failure with a sentence on what could move the stack; `brief` leaves out passed checks. */
export function reportLines(term: Terminal, report: Report, { brief = false } = {}): string[] {
  const shown = report.checks.filter(({ status }) => !brief || status !== 'pass');
  const passed = report.checks.length - shown.length;
  return [
    ...(report.passed ? [] : [...prose(term, wayOutSentence(report)), '']),
    ...shown.flatMap((check) => checkLines(term, check)),
    ...(brief && passed > 0 ? [`  ${term.paint('green', 'pass')}  ${count(passed, 'check')}`] : []),
    ...section(
      term,
      'Notes',
      report.notes.flatMap((note) => labelled(term, '-', note, 2)),
    ),
    ...(report.plan ? section(term, 'Plan', planLines(term, report.plan)) : []),
  ];
}

function checkLines(term: Terminal, { name, status, detail }: Check): string[] {
  const [word, style] = words[status];
  const [first = '', ...rest] = labelled(term, `${word}  ${name}`, inCommands(detail), 25);
  return [first.replace(word, term.paint(style, word)), ...rest];
}

/** Replaces API calls in advice by the equivalent commands. */
export const inCommands = (detail: string) =>
  detail
    .replace(/DELETE \/api\/v1\/stacks\/[^/\s]+\/migrate\/(mig_\w+)\/source/g, 'stackferry purge $1')
    .replace(/DELETE \/api\/v1\/stacks\/[^/\s]+\/migrate\/(mig_\w+)\/target/g, 'stackferry purge $1 --target')
    .replace(/"sizing": "(\w+)"/g, '--sizing $1')
    .replace(/"(forward|hold|(?:accept|with)_\w+)": true/g, (_, name: string) => flagOf(name))
    // A host may have the name of an option.
    .replace(/\b(add|without) "(forward|hold)"/g, (_, word: string, name: string) => `${word} ${flagOf(name)}`)
    .replaceAll('"cutover_dns"', '--on-cutover-dns')
    .replace(/"env": \["([^"]+)"\]/g, (_, setting: string) => `--env ${shellWord(setting)}`)
    .replace(/"mode": "([\w-]+)"/g, '--mode $1')
    .replace(/"binds": \["([^"]+)"\]/g, (_, path: string) => `--bind ${shellWord(path)}`);

function section(term: Terminal, title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', term.paint('bold', title), ...lines];
}

function planLines(term: Terminal, plan: Plan): string[] {
  const { address_change: change, unmoved_layers: layers } = plan;
  const row = (label: string, text: string) => labelled(term, label, text, 14);
  const total = `${plan.total_is_lower_bound ? 'at least ' : ''}${bytes(plan.total_bytes)}`;
  const ports = plan.ports.map(
    ({ service, port, protocol }) => `${service}, port ${port}${protocol === 'tcp' ? '' : `/${protocol}`}`,
  );
  return [
    ...plan.items.flatMap(({ kind, name, place, size_bytes }) =>
      row(kind, `${pad(sizeOr(size_bytes, 'unknown'), 10)}${name}${place === undefined ? '' : ` → ${place}`}`),
    ),
    ...row('in all', total),
    ...plan.expected.flatMap(({ mode, transfer_s, downtime_s }) =>
      row(
        mode,
        `transfer about ${duration(transfer_s * 1000)}, down about ${duration(downtime_s * 1000)}, at ${rateOf(plan)}`,
      ),
    ),
    ...(ports.length > 0
      ? row('address', `After the move, point clients and DNS at ${change.to_host} (${ports.join('; ')})`)
      : []),
    ...layers.flatMap(({ container, size_bytes }) =>
      row('does not move', `${bytes(size_bytes)} that ${container} wrote outside any volume`),
    ),
  ];
}

const rateOf = ({ assumed_rate, rate_limited, rate_measured }: Plan): string =>
  rate_limited ? `${rateLimit(assumed_rate)}, the limit` : `${rate(assumed_rate)}${rate_measured ? '' : ', assumed'}`;

/** One-line summary. */
export function verdict(term: Terminal, { passed, checks }: Report): string {
  const failed = checks.filter(({ status }) => status === 'fail').length;
  return passed
    ? term.paint('green', 'Passed: it can be moved.')
    : term.paint('red', `Failed: ${failed} of ${checks.length} checks. Nothing was changed.`);
}
