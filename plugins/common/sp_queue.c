#include "common/sp_queue.h"

static uint32_t clamp(uint64_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : (uint32_t)value;
}

void sp_queue_init(struct sp_queue *queue, uint32_t messages, uint64_t bytes)
{
    uint32_t length = messages ? clamp(messages, 1, SP_QUEUE_MAX) : 0;
    *queue = (struct sp_queue){.messages = length, .length = length, .bytes = bytes ? bytes : 1};
}

/* A live queue never gets a length that is a power of two: nng (1.5 to 1.11) puts one message behind the end of its array when
 * such a queue was full as it was shrunk. */
static uint32_t safe(uint32_t length)
{
    return (length & (length - 1)) == 0 && length > 1 ? length - 1 : length;
}

static uint32_t fitting(const struct sp_queue *queue)
{
    uint32_t least = queue->messages < SP_QUEUE_MIN ? queue->messages : SP_QUEUE_MIN;
    return clamp(queue->bytes / queue->largest, least, queue->messages);
}

uint32_t sp_queue_note(struct sp_queue *queue, uint64_t message_bytes)
{
    if (message_bytes > queue->largest)
        queue->largest = message_bytes;
    if (queue->largest == 0 || fitting(queue) >= queue->length)
        return 0;
    queue->since += message_bytes;
    if (queue->since < queue->bytes)
        return 0;
    queue->since = 0;
    queue->length = safe(fitting(queue));
    return queue->length;
}
