import { isProgram } from '../node/is-program.ts';

/**
 * Entry point of the agent. Its subprocesses and threads run the same file, with the part named by the first argument,
 * because the built agent is a single file. Each part loads only its own modules.
 */
export async function agentCommand(argv: string[]): Promise<number> {
  if (['allow', 'allowed', 'disallow'].includes(argv[0] ?? ''))
    return (await import('./permissions/permission-command.ts')).permissionCommand(argv);
  if (['adopt', 'adopted', 'disown'].includes(argv[0] ?? ''))
    return (await import('./adopt/adopt-command.ts')).adoptCommand(argv);
  return (await import('./run-agent.ts')).agentCommand(argv);
}

if (isProgram(import.meta.filename)) {
  const [part, ...rest] = process.argv.slice(2);
  if (part === 'block-thread') {
    (await import('./precopy/block-thread.ts')).answerJobs();
  } else if (part === 'lease-guard') {
    await (await import('./lease/guard.ts')).guardLeases(rest);
    process.exit(0);
  } else if (part === 'connection-holder') {
    await (await import('./forward/holder-process.ts')).holdConnections(rest);
    process.exit(0);
  } else {
    // Exit at once: a lane may still linger for its peer's last frame, which nobody would read.
    process.exit(await agentCommand(process.argv.slice(2)));
  }
}
