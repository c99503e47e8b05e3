import type { CommandHandler } from './context.ts';
import { projectLane, receiveDirectory } from './project-lane.ts';
import { unstage } from './staged.ts';

/** Receives the project directory, in place of what may have been staged of it. */
export const receiveProject: CommandHandler<'receive_project'> = async ({ project, peer, target_dir }, context) => {
  await unstage(context);
  return { proof: await receiveDirectory(projectLane, { project, peer, target_dir }, false, context) };
};
