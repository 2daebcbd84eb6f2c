/**
 * The WGSL that every sanitized shader contains. Its log is one buffer of the call. The host fills in its head (\`log.ts\`), which
 * says where the parts of each dispatch are:
 *
 * - the settings: bits of the site, of the invocation and of the workgroup, the largest epoch, the sites, a flag for later epochs;
 * - three words for every variable: its first element, the element behind its last, and its shadow;
 * - eight words for every site, a place in the source that uses a variable: what was found there first;
 * - the shadows: three words for every scalar, vector or matrix of a variable, which hold its last writer and its last two readers.
 *
 * An entry of a shadow is one word, which is exchanged atomically: epoch, invocation, workgroup, site. An epoch ends at a barrier.
 */
export const SETTINGS = ['site bits', 'local bits', 'group bits', 'last epoch', 'sites', 'late'] as const;
export const VARIABLE_WORDS = 3;
export const SITE_WORDS = 8;
export const SHADOW_WORDS = 3;

/** The name of the buffer, and the prefix of every name that is added to a shader. */
export const PREFIX = 'sanitizer_';
export const LOG = `${PREFIX}log`;
export const DISPATCH = `${PREFIX}dispatch`;

/** The declarations and functions; \`binding\` is the binding of the log. */
export const runtime = (binding: number) => `
@group(0) @binding(${binding}) var<storage, read_write> sanitizer_log: array<atomic<u32>>;
override sanitizer_dispatch: u32 = 0u;
var<private> sanitizer_base: u32;
var<private> sanitizer_sites: u32;
var<private> sanitizer_site_bits: u32;
var<private> sanitizer_epoch_shift: u32;
var<private> sanitizer_group_mask: u32;
var<private> sanitizer_last_epoch: u32;
var<private> sanitizer_group: u32;
var<private> sanitizer_me: u32;
var<private> sanitizer_epoch_workgroup: u32;
var<private> sanitizer_epoch_storage: u32;

fn sanitizer_word(i: u32) -> u32 { return atomicLoad(&sanitizer_log[sanitizer_base + i]); }

fn sanitizer_start(local: u32, group: vec3u, groups: vec3u) {
  sanitizer_base = atomicLoad(&sanitizer_log[sanitizer_dispatch]);
  sanitizer_site_bits = sanitizer_word(0u);
  let local_bits = sanitizer_word(1u);
  let group_bits = sanitizer_word(2u);
  sanitizer_last_epoch = sanitizer_word(3u);
  sanitizer_sites = sanitizer_word(4u);
  sanitizer_group = group.x + groups.x * (group.y + groups.y * group.z);
  sanitizer_group_mask = (1u << group_bits) - 1u;
  sanitizer_epoch_shift = sanitizer_site_bits + local_bits + group_bits;
  sanitizer_me = ((local << group_bits) | sanitizer_group) << sanitizer_site_bits;
  sanitizer_epoch_workgroup = 1u;
  sanitizer_epoch_storage = 1u;
}

fn sanitizer_workgroupBarrier() { workgroupBarrier(); sanitizer_epoch_workgroup += 1u; }
fn sanitizer_storageBarrier() { storageBarrier(); sanitizer_epoch_storage += 1u; }

fn sanitizer_outside(site: u32, index: u32, level: u32) {
  let at = sanitizer_sites + ${SITE_WORDS}u * site;
  if (atomicAdd(&sanitizer_log[at], 1u) > 0u) { return; }
  atomicStore(&sanitizer_log[at + 1u], index);
  atomicStore(&sanitizer_log[at + 2u], level);
  atomicStore(&sanitizer_log[at + 3u], sanitizer_me);
}

fn sanitizer_who(entry: u32) -> u32 {
  return (entry & ((1u << sanitizer_epoch_shift) - 1u)) >> sanitizer_site_bits;
}

fn sanitizer_conflict(entry: u32, epoch: u32, site: u32, cell: u32) {
  let who = sanitizer_who(entry);
  if (entry == 0u || who == sanitizer_who(sanitizer_me)) { return; }
  if ((who & sanitizer_group_mask) == sanitizer_group && (entry >> sanitizer_epoch_shift) != epoch) { return; }
  let at = sanitizer_sites + ${SITE_WORDS}u * site + 4u;
  if (atomicAdd(&sanitizer_log[at], 1u) > 0u) { return; }
  atomicStore(&sanitizer_log[at + 1u], entry);
  atomicStore(&sanitizer_log[at + 2u], cell);
  atomicStore(&sanitizer_log[at + 3u], sanitizer_me);
}

fn sanitizer_access(writes: bool, shadow: u32, first: u32, count: u32, epoch: u32, site: u32) {
  if (epoch > sanitizer_last_epoch) { atomicStore(&sanitizer_log[sanitizer_base + 5u], 1u); return; }
  let entry = (epoch << sanitizer_epoch_shift) | sanitizer_me | site;
  for (var cell = first; cell < first + count; cell++) {
    let at = shadow + ${SHADOW_WORDS}u * cell;
    if (writes) {
      sanitizer_conflict(atomicExchange(&sanitizer_log[at], entry), epoch, site, cell);
      sanitizer_conflict(atomicLoad(&sanitizer_log[at + 1u]), epoch, site, cell);
      sanitizer_conflict(atomicLoad(&sanitizer_log[at + 2u]), epoch, site, cell);
    } else {
      let before = atomicExchange(&sanitizer_log[at + 1u], entry);
      if (before != 0u && sanitizer_who(before) != sanitizer_who(entry)) { atomicStore(&sanitizer_log[at + 2u], before); }
      sanitizer_conflict(atomicLoad(&sanitizer_log[at]), epoch, site, cell);
    }
  }
}
`;
