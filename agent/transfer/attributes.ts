/** Extended attributes that move with a file (users', apps', file capabilities, ACLs): tar patterns, and an ERE. */
export const carriedPatterns = ['user.*', 'security.capability', 'system.posix_acl_*'];
export const carriedAttributes = '^(user[.]|security[.]capability$|system[.]posix_acl_)';

/**
 * Attributes that a host sets by its own policy or file system: security module labels, Btrfs compression, XFS's second
 * view of ACLs. They are not moved, since the other host sets its own.
 */
export const hostAttributes =
  '^(security[.](selinux|SMACK64.*|ima|evm)|btrfs[.]compression|trusted[.]SGI_ACL_(FILE|DEFAULT))$';
