/**
 * Extended attributes that move with a file, as tar's patterns and as an extended regular expression: what users and apps
 * set, file capabilities, ACLs.
 */
export const carriedPatterns = ['user.*', 'security.capability', 'system.posix_acl_*'];
export const carriedAttributes = '^(user[.]|security[.]capability$|system[.]posix_acl_)';

/**
 * Those that a host gives by its own policy or for its own file system: labels of its security modules, how it compresses,
 * and ACLs as XFS shows them a second time. They stay behind, since another host gives its own.
 */
export const hostAttributes =
  '^(security[.](selinux|SMACK64.*|ima|evm)|btrfs[.]compression|trusted[.]SGI_ACL_(FILE|DEFAULT))$';
