import { text } from 'node:stream/consumers';
import { limits } from '../../../../../schema/limits.ts';
import { type HelperRuntime, readFromHelper } from '../helper.ts';

/**
 * Prints the requirements of a helper that are missing. BusyBox has most names but few of the options; a slim Debian
 * has everything. Each is tried as helpers use it.
 */
export const probeScript = `
  export LC_ALL=C
  lack() { echo "$*"; }
  for name in awk cat find head ls nice perl rm sleep sort stat sync tar timeout touch tr true uname uniq wc xargs; do
    command -v $name >/dev/null || lack $name
  done
  case "$(tar --version 2>/dev/null)" in *'GNU tar'*) ;; *) lack 'GNU tar' ;; esac
  [ "$(find / -maxdepth 0 -printf '%y %D' 2>/dev/null | head -c 2)" = 'd ' ] || lack 'GNU find'
  [ "$(printf 'b\\0a\\0' | sort -z -S 16M -T $IO 2>/dev/null | tr '\\0' ' ')" = 'a b ' ] || lack 'GNU sort'
  [ "$(printf 'a b\\0' | xargs -0 -r sh -c 'echo "$1."' sh 2>/dev/null)" = 'a b.' ] || lack 'GNU xargs'
  stat --printf '%n\\0%t:%T' / >/dev/null 2>&1 || lack 'GNU stat'
  : >$IO/probe
  touch -c -h -m -d @1.5 -- $IO/probe 2>/dev/null && [ "$(stat -c %Y $IO/probe 2>/dev/null)" = 1 ] || lack 'GNU touch'
  sync -f $IO/probe 2>/dev/null || lack 'GNU sync'
  [ "$(echo 'a b' | awk '{ print $2 }' 2>/dev/null)" = b ] || lack 'a working awk'
  [ "$(perl -e 'print syscall(-1) < 0 ? 1 : 0' 2>/dev/null)" = 1 ] || lack 'a working perl'
`;

/**
 * Names what the image lacks to be a helper. Throws if a container of it does not start, or its output does not reach
 * the agent.
 */
export async function lacksOf(
  runtime: Omit<HelperRuntime, 'image'>,
  id: string,
  signal: AbortSignal,
): Promise<string[]> {
  const helper = await readFromHelper(
    { ...runtime, image: async () => id },
    {
      migrationId: 'none',
      purpose: 'probe',
      mount: [],
      readOnly: true,
      capabilities: [],
      script: probeScript,
      failure: 'engine_error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(limits.agent.helperProbeMsMax)]),
    },
  );
  const [printed] = await Promise.all([text(helper.stream), helper.finished]);
  return printed.split('\n').filter((line) => line !== '');
}
