import type { MigrationView } from '../../../schema/api/migrations.ts';
import type { Step } from '../../../schema/migration-status.ts';
import { took } from './time.tsx';

const does: { [S in Step]: string } = {
  preflight: 'Checks on both hosts',
  preparing: 'Images and empty volumes on the target',
  holding: 'Copied again and again, until you cut over',
  stopping: 'The source stops, its state recorded',
  transferring: 'Volumes, compared on both sides',
  shipping: 'The project directory',
  deploying: 'Created and started on the target',
  verifying: 'Waits until every service is healthy',
};
const words = { pending: 'to come', running: 'running', done: 'done', failed: 'failed' } as const;

export function Steps({ migration }: { migration: MigrationView }) {
  return (
    <ol class="steps">
      {migration.steps.map(({ name, status, started_at, ended_at }) => (
        <li class={status} aria-current={status === 'running' ? 'step' : undefined}>
          <span class="name">{name}</span>
          <span class="took">
            {status === 'done' || status === 'running' ? took(started_at, ended_at) : ''}{' '}
            <span class={status === 'done' || status === 'pending' ? 'unseen' : undefined}>{words[status]}</span>
          </span>
          <span class="hint">{does[name]}</span>
        </li>
      ))}
    </ol>
  );
}
