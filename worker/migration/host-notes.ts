import type { PreflightFacts } from './preflight-facts.ts';

/** What the two hosts do differently with the stack. None of it stops a migration, but it is told before. */
export function hostNotes({ source, target, stack, names }: PreflightFacts): string[] {
  if (!stack.ok) return [];
  const notes = stack.data.services
    .filter(({ stop_hooks, running }) => stop_hooks && running > 0)
    .map(
      ({ name }) =>
        `Service ${name} has pre_stop hooks, which are not run: it is stopped by its stop signal. Run by hand what it needs before.`,
    );
  if (!source.ok || !target.ok) return notes;
  const [from, to] = [source.data.engine, target.data.engine];
  if (from.selinux)
    notes.push(
      `SELinux labels of files stay behind${to.selinux ? ': the target gives its own.' : ': the target has no SELinux.'}`,
    );
  const unnamed = stack.data.services.filter(({ runtime, replicas }) => runtime === null && replicas > 0);
  if (from.default_runtime !== to.default_runtime && unnamed.length > 0)
    notes.push(
      `Containers that name no runtime run by "${from.default_runtime}" on "${names.source}" and by "${to.default_runtime}" on "${names.target}".`,
    );
  return notes;
}
