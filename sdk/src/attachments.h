/* All segments that this process is attached to, for fork(): a lease belongs to the open file description, so a child that
 * kept the descriptor would keep its dead parent's leases alive. The child's copies are closed as soon as it exists. */
#ifndef LEAT_ATTACHMENTS_H
#define LEAT_ATTACHMENTS_H

struct segment;

void attachments_add(struct segment *segment);

/* Harmless for one that was not added. */
void attachments_remove(struct segment *segment);

#endif
