/* A ring of links inside the things that are listed. The head is a link too;
 * an empty list is a head that points to itself. */
#ifndef GLASSTAP_LIST_H
#define GLASSTAP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

/* The thing that `link` is the `member` of. */
#define LIST_ITEM(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))

static inline void list_init(struct list *head)
{
	head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_add_front(struct list *head, struct list *link)
{
	link->prev = head;
	link->next = head->next;
	head->next->prev = link;
	head->next = link;
}

static inline void list_add_back(struct list *head, struct list *link)
{
	list_add_front(head->prev, link);
}

static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#endif
