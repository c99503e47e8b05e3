import type { ProblemBody } from '../call.ts';

/** An error of the API, in its own words. */
export function ProblemAlert({ problem }: { problem: ProblemBody }) {
  const { code, detail, errors = [], remaining = [], migration_id, drain_id } = problem;
  const listed = [
    ...errors.slice(1).map(({ path, message }) => `${path}: ${message}`),
    ...remaining.map(({ what, why }) => `${what}: ${why}`),
  ];
  return (
    <div class="alert bad" role="alert">
      <p>
        <strong>{detail}</strong> <code class="muted">{code}</code>
      </p>
      {listed.length > 0 ? (
        <ul>
          {listed.map((line) => (
            <li>{line}</li>
          ))}
        </ul>
      ) : null}
      {code === 'forbidden' ? (
        <p>
          Another token may be allowed to: <a href="/ui/login">log in with another token</a>.
        </p>
      ) : null}
      {migration_id ? (
        <p>
          <a href={`/ui/migrations/${migration_id}`}>See that migration</a>
        </p>
      ) : null}
      {drain_id ? (
        <p>
          <a href={`/ui/drains/${drain_id}`}>See that drain</a>
        </p>
      ) : null}
    </div>
  );
}
