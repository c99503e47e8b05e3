/** `stackferry agent …` and `stackferry relay …`. Each resolves to the exit code. */

const asksHelp = (args: string[]) => args.includes('--help') || args.includes('-h');

export async function agent(args: string[]): Promise<number> {
  if (!asksHelp(args)) return (await import('../agent/main.ts')).agentCommand(args);
  process.stdout.write(`${(await import('../agent/config.ts')).agentUsage}\n`);
  return 0;
}

export async function relay(args: string[]): Promise<number> {
  if (!asksHelp(args)) return (await import('../relay/main.ts')).relayCommand(args);
  process.stdout.write((await import('../relay/config.ts')).relayUsage);
  return 0;
}
