import { docker, type HostName } from '../docker/two-hosts.ts';

/** Every part of a configuration that a container takes over from its image. */
const changes = [
  'CMD ["100000"]',
  'ENTRYPOINT ["sleep"]',
  'ENV FLAVOUR=local',
  'EXPOSE 80/tcp',
  'HEALTHCHECK --interval=1s --timeout=3s --retries=5 CMD test -e /made-here',
  'LABEL made.for=lab',
  'ONBUILD RUN true',
  'STOPSIGNAL SIGKILL',
  'VOLUME /scratch',
  'WORKDIR /tmp',
];

/** An image that no registry has: a layer of its own on one that both hosts have. */
export async function makeLocalImage(host: HostName, name: string): Promise<void> {
  await docker(host, 'rm', '-f', 'making');
  const script = 'head -c 1000000 /dev/urandom > /made-here';
  await docker(host, 'run', '--name', 'making', '--entrypoint', 'sh', 'sf-busybox:1', '-c', script);
  await docker(host, 'commit', ...changes.flatMap((change) => ['--change', change]), 'making', name);
  await docker(host, 'rm', 'making');
}

export const removeImage = (host: HostName, name: string): Promise<string> =>
  docker(host, 'rmi', '-f', name).catch(() => '');
