import type { CheckName } from '../../schema/preflight-report.ts';

/** The checks of a pre-flight, as the pages call them. */
export const checkWords: Record<CheckName, string> = {
  target_online: 'The target answers',
  no_concurrent: 'No other migration of the stack',
  source_online: 'The source answers',
  source_metrics: 'The source was measured',
  target_capacity: 'Memory on the target',
  target_disk: 'Disk on the target',
  relay_online: 'A way between the hosts',
  image_available: 'Images',
  ports_free: 'Ports',
  project_free: 'Project name',
  names_free: 'Container names',
  volumes_free: 'Volume names',
  path_free: 'Directories',
  networks_present: 'External networks',
  devices_present: 'Devices',
  platform_match: 'Processor and system',
  engine_compatible: 'Engine version',
  helper_ready: 'Helper image',
  compose_supported: 'Everything can move',
  config_current: 'Files match the containers',
  policy_allows: 'The target allows it',
  clocks_agree: 'Clocks agree',
};
