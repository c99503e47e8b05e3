import { z } from 'zod';
import { doorAddresses } from '../address.ts';
import { deployment } from '../deployment.ts';
import { stackImage, stackVolume } from '../facts.ts';
import {
  armed,
  binds,
  carried,
  contentsAhead,
  empty,
  externalNetwork,
  health,
  id,
  itemProof,
  laneVolume,
  manifest,
  passage,
  project,
  projectChanges,
  projectLane,
  removal,
  shippedImage,
  text,
} from './parts.ts';

/** The agent knows `expect_source`: not in the previous release. */
const expectsSource = z.boolean().default(false);

/** Forward commands of the target, and what undoes them. */
export const targetCommands = {
  prepare_target: {
    payload: z.object({
      deployment,
      /** Null from the previous release. */
      peer: id.nullable().default(null),
      volumes: z.array(stackVolume),
      binds,
      networks: z.array(externalNetwork).default([]),
      /** A tmpfs or a bind mount by their options: nothing is unpacked into them. */
      option_volumes: z.array(stackVolume).default([]),
      images: z.array(stackImage),
    }),
    result: z.object({ volumes: z.array(text), addresses: doorAddresses, expects_source: expectsSource }),
  },
  /** Pulls images with the logins that the source sends. */
  pull_images: {
    payload: z.object({ ...project, peer: id, images: z.array(stackImage) }),
    result: empty,
  },
  receive_images: {
    payload: z.object({ ...project, peer: id, images: z.array(shippedImage) }),
    result: z.object({ passage }),
  },
  warm_target: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      target_dir: text.nullable().default(null),
      contents: contentsAhead,
    }),
    result: z.object({ passages: z.array(passage) }),
  },
  pass_target: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      project_lane: projectLane,
      contents: contentsAhead,
    }),
    result: z.object({ passages: z.array(passage), expects_source: expectsSource }),
  },
  /** Receives the project directory and creates the stack's containers from it: restart policies off, none started. */
  stage_target: {
    payload: z.object({ deployment, peer: id }),
    /** The proof's manifest includes the contents of files; `left`: once the containers are made. */
    result: z.object({ proof: itemProof, left: manifest.nullable().default(null) }),
  },
  /** Dials the first lanes while the source stops. Nothing waits for it, and it may fail. */
  expect_source: { payload: z.object({ ...project, peer: id, lanes: z.array(text) }), result: empty },
  receive_volumes: {
    /** `staged_dir`: the project directory, if `stage_target` received it. */
    payload: z.object({ ...carried, staged_dir: text.nullable().default(null) }),
    result: z.object({
      proofs: z.array(itemProof),
      /** Manifest of that directory by now, contents included. Null from the previous release. */
      staged: manifest.nullable().default(null),
    }),
  },
  receive_project: {
    payload: z.object({ ...project, peer: id, target_dir: text, changes: projectChanges }),
    result: z.object({ proof: itemProof }),
  },
  deploy: {
    payload: z.object({ deployment }),
    result: z.object({ containers: z.array(z.object({ id: text, service: text })) }),
  },
  verify_health: health,
  /** After `completed`: starts what an expired lease stopped, sets the file's restart policies, drops the lease. */
  arm_target: { payload: z.object({ deployment }), result: armed },
  /** Stops what this migration started; answers only when none of it runs. */
  stop_target: { payload: z.object(project), result: empty },
  /** Removes what this migration created, by recorded ids, nothing else. */
  cleanup_target: { payload: z.object(project), result: removal },
} as const;
