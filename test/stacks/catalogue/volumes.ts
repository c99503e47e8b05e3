import type { StackDescription } from '../description.ts';

export const volumes: Record<string, StackDescription> = {
  hiddenstore: {
    pattern: 'anonymous volume with data, from the image’s `VOLUME`',
    imageVolumes: { 'hiddenstore/db:7': ['/data/db'] },
  },
  emptystore: {
    pattern: 'the file’s named volume over the image’s `VOLUME`, and an anonymous one',
    imageVolumes: { 'emptystore/app:3': ['/var/lib/app'] },
  },
  oldlibrary: {
    pattern: 'external volume',
    prepare: 'docker volume create oldlibrary-books',
    needs: { with_external: true },
  },
  boundvolume: {
    pattern: 'named volume that is a bind mount by `driver_opts`',
    prepare: 'mkdir data; echo d >data/x',
  },
  ramvolume: {
    pattern: 'named volume in memory by `driver_opts`: made empty',
  },
  loosefile: {
    pattern: 'single file from outside the project',
    prepare: 'echo a=1 >../loosefile.conf',
    needs: { binds: ['../loosefile.conf'] },
    refused: /loosefile\.conf is a single file: put it into the project directory/,
  },
  socketshare: { pattern: 'volume for a socket between web server and app, bind mounts with `cached` and `z`' },
  linkfarm: {
    pattern: 'links in the project: directory, file and env file',
    prepare: 'ln -s releases/2 current; ln -s env/prod.env settings.env; ln -s b.conf conf/active.conf',
  },
  longform: { pattern: 'long syntax of ports and volumes: `nocopy`, `create_host_path`, host mode' },
};
