import { nameIn } from '../../../schema/environment.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import { nameNotes } from './names-check.ts';
import { forwardedPorts } from './plan.ts';
import type { PreflightFacts } from './preflight-facts.ts';
import { list } from './verdicts.ts';

/** Differences between the hosts that do not block a migration but are worth knowing before it. */
export function hostNotes(facts: PreflightFacts): string[] {
  const { source, target, stack, fit, names, inputs } = facts;
  if (!stack.ok) return [];
  const notes = stack.data.services
    .filter(({ stop_hooks, running }) => stop_hooks && running > 0)
    .map(
      ({ name }) =>
        `Service ${name} has pre_stop hooks, which are not run: it is stopped by its stop signal. Run by hand what it needs before.`,
    );
  for (const { service, number, network } of stack.data.joined_networks) {
    const absent = fit.ok && fit.data.joined_absent.includes(network);
    const what = absent
      ? 'is not on the target, so it is not connected there: create it first to have it so'
      : 'is connected again on the target';
    notes.push(`Network ${network}, which container ${number} of service ${service} joined by hand, ${what}.`);
  }
  for (const { container, files } of stack.data.other_files)
    notes.push(
      `Container ${container} was made from ${list(files)}; the stack moves as ${list(stack.data.config_files)} says.`,
    );
  if (stack.data.managers.length > 0)
    notes.push(
      `Managed by ${list(stack.data.managers)}: it will no longer see this stack. Its files move from ${stack.data.working_dir}; on the target run Compose in their new directory, or let a manager there take it over.`,
    );
  const given = [...new Set(inputs.env.map(nameIn))];
  if (given.length > 0)
    notes.push(
      `Set ${list(given)} as given here when you call Compose on the target by hand: nothing there holds the values for it.`,
    );
  if (inputs.forward) notes.push(...forwardNotes(stack.data));
  notes.push(...nameNotes(facts));
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

function forwardNotes(stack: StackFacts): string[] {
  const ports = stack.services.flatMap((service) => (service.replicas > 0 ? service.ports : []));
  const of = (wanted: string) => [
    ...new Set(ports.flatMap(({ port, protocol }) => (protocol === wanted ? [`${port}/${protocol}`] : []))),
  ];
  const [udp, sctp] = [of('udp'), of('sctp')];
  const own = stack.services.filter(({ powers }) => powers.some(({ power }) => power === 'host_network'));
  return [
    ...(forwardedPorts(stack).length === 0 ? ['The stack publishes no port, so there is nothing to forward.'] : []),
    ...(udp.length === 0
      ? []
      : [`Datagrams to ${list(udp)} are forwarded once the stack runs on the target; until then they are lost.`]),
    ...(sctp.length === 0 ? [] : [`SCTP is not forwarded: clients of ${list(sctp)} must use the new address.`]),
    ...own.map(
      ({ name }) => `Service ${name} uses the host’s network: its ports are not published, and not forwarded.`,
    ),
  ];
}
