import type { DurableMemory } from '../saga/migration/ports.ts';

export const durableMemory = (storage: DurableObjectStorage): DurableMemory => ({
  get: (key) => storage.get(key),
  put: (key, value) => storage.put(key, value),
  delete: (key) => storage.delete(key),
  setAlarm: (at) => storage.setAlarm(at),
  deleteAlarm: () => storage.deleteAlarm(),
});
