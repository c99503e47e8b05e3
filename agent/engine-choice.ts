import type { Log } from '../node/log.ts';
import type { AgentConfig } from './config.ts';
import type { Engine } from './engine/engine.ts';

/** Opens the configured engine; only that engine's code is loaded. */
export async function openEngine(config: AgentConfig, log: Log): Promise<Engine> {
  const { engine, stateDir, stacksDir, allow, allowKeys, pathMaps } = config;
  if (engine.kind === 'embedded') {
    const { createEmbeddedEngine } = await import('./engine/embedded/embedded-engine.ts');
    log.warn('the embedded engine is for trying Stackferry out: its "containers" are plain processes of this machine');
    return createEmbeddedEngine({ root: engine.root, allow });
  }
  const { createDockerEngine } = await import('./engine/docker/docker-engine.ts');
  return createDockerEngine({
    socketPath: engine.socket,
    dockerBinary: engine.binary,
    helperImage: engine.helperImage,
    stateDir,
    stacksDir,
    allow,
    allowKeys,
    pathMaps,
    launched: config.programsDir !== null,
    warn: (message) => log.warn(message),
  });
}
