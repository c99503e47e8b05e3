import { z } from 'zod';
import { deployment } from '../deployment.ts';
import { excludePatterns } from '../exclude-pattern.ts';
import { bytes } from '../fact-values.ts';
import { leftOut } from '../facts.ts';
import { limits } from '../limits.ts';
import {
  binds,
  carried,
  containers,
  contentsAhead,
  empty,
  id,
  itemProof,
  laneVolume,
  manifest,
  passage,
  passes,
  project,
  projectChanges,
  projectLane,
  shippedImage,
  stopped,
  text,
} from './parts.ts';

/** Forward commands of the source, and what puts it back. */
export const sourceCommands = {
  prepare_source: {
    /** `exclude`: left out of the project directory and the bind mounts by every later command of the migration. */
    payload: z.object({ ...project, source_dir: text, volumes: z.array(text), binds, exclude: excludePatterns }),
    result: z.object({
      /** Measured by reading, so that progress has exact totals. */
      sizes: z.array(z.object({ volume: text, bytes })),
      left_out: z.array(leftOut).max(limits.api.excludePatternsMax).default([]),
      containers,
    }),
  },
  stop_stack: {
    /**
     * `expected`: ids of its containers when they were last seen; empty: any. `early`: lanes to come, to be dialled
     * meanwhile; null if the target would not.
     */
    payload: z.object({
      ...project,
      expected: z.array(text).default([]),
      early: z
        .object({ peer: id, lanes: z.array(text) })
        .nullable()
        .default(null),
    }),
    result: stopped,
  },
  /** Sends the registry logins for these images of the stack, which the target uses and forgets. */
  send_logins: {
    payload: z.object({ ...project, peer: id, references: z.array(text) }),
    result: empty,
  },
  /** Sends the images that the target can't pull, without layers it already has. */
  send_images: {
    payload: z.object({ ...project, peer: id, images: z.array(shippedImage) }),
    result: z.object({ passage }),
  },
  /** Passes over the volumes of the running stack, until they no longer shrink. */
  warm_source: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      blocks: z.boolean(),
      /** A project directory that is too large for `stage_source`. */
      source_dir: text.nullable().default(null),
      contents: contentsAhead,
    }),
    result: z.object({
      passages: z.array(passage),
      passes,
    }),
  },
  /** One more round of passes over the running stack: what changed since the one before; everything if it is forgotten. */
  pass_source: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      blocks: z.boolean(),
      project_lane: projectLane,
      contents: contentsAhead,
    }),
    /** `containers`: the stack as it is after the round. */
    result: z.object({ passages: z.array(passage), passes, ms: z.number(), containers }),
  },
  /** Sends the project directory while the stack runs, so that its containers can be created before the stop. */
  stage_source: {
    payload: z.object({ ...project, peer: id, source_dir: text }),
    result: z.object({ passage }),
  },
  send_volumes: {
    payload: z.object({
      ...carried,
      blocks: z.boolean(),
      /** The project directory, if `stage_source` sent it. */
      staged_dir: text.nullable(),
    }),
    result: z.object({
      proofs: z.array(itemProof),
      /** Manifest of that directory after the stop, contents included. */
      staged: manifest.nullable(),
    }),
  },
  send_project: {
    payload: z.object({ ...project, peer: id, source_dir: text, changes: projectChanges }),
    result: z.object({ proof: itemProof }),
  },
  restore_source: {
    payload: z.object({ ...project, deployment: deployment.nullable().default(null) }),
    result: z.object({ running: z.array(text) }),
  },
  /** The stack has moved: what this host keeps is the retained copy. */
  retain_source: { payload: z.object(project), result: empty },
} as const;
