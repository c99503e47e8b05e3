import type { StackDescription } from '../description.ts';

export const media: Record<string, StackDescription> = {
  jukebox: {
    pattern: 'media server: libraries beside the project, one read-only, transcoding in memory',
    prepare:
      'mkdir -p ../../jukebox-library/films ../../jukebox-library/music; echo film >../../jukebox-library/films/f',
    needs: { binds: ['../../jukebox-library/films', '../../jukebox-library/music'] },
  },
  photoroom: { pattern: 'photo app: server, learning, cache and database, places by `.env`, shared memory' },
  comicshelf: { pattern: 'read-only root, `user:`, tmpfs with options, published on loopback' },
  podcatch: {
    pattern: 'absolute bind mounts from variables that must be set',
    prepare:
      'mkdir -p ../../podcatch-data/a ../../podcatch-data/b; printf "BOOKS=%s/a\\nSHOWS=%s/b\\n" "$(realpath ../../podcatch-data)" "$(realpath ../../podcatch-data)" >.env',
    needs: { binds: ['../../podcatch-data/a', '../../podcatch-data/b'] },
  },
  tubekeeper: { pattern: 'video archive: search engine with locked memory, cache, several volumes' },
  seedhaven: {
    pattern: 'torrent client in the network of a VPN container (`network_mode: service:`), tun device, sysctls',
    needs: { allow: ['devices', 'cap_add'] },
  },
  frontgarden: { pattern: 'web server: single files of the project mounted, a password file among them' },
  nightwatch: {
    pattern: 'camera recorder: device, recordings beside the project, tmpfs by the long syntax, ports by TCP and UDP',
    prepare: 'mkdir ../../nightwatch-recordings; echo frame >../../nightwatch-recordings/1',
    needs: { binds: ['../../nightwatch-recordings'], allow: ['devices'] },
  },
};
