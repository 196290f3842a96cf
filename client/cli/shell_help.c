/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "client/cli/shell.h"

const char *const shell_words[] = { "begin", "bind",     "class",   "del",    "describe", "end",
                                    "exit",  "export",   "help",    "id",     "import",   "info",
                                    "is",    "len",      "ls",      "names",  "print",    "quit",
                                    "type",  "refcount", "sizeof",  "unbind", "vars",     "None",
                                    "True",  "False",    "weakref", "deref",  "deque",    NULL };

static const struct {
    const char *topic;
    const char *text;
} topics[] = {
    { "lesson", "A lesson in references. Type the lines one by one and watch the counts:\n"
                "\n"
                "  x = [1, 2]       # a list on the server; x is your first reference to it\n"
                "  y = x            # no copy: a second reference to the same list\n"
                "  y.append(3)      # so a change made through y...\n"
                "  x                # ...is seen through x\n"
                "  x is y           # one object: the same identity\n"
                "  del y            # one reference less; the list stays\n"
                "  bind numbers x   # a name that other programs see, too\n"
                "  del x            # now only the name keeps it\n"
                "  refcount numbers\n"
                "  unbind numbers   # nothing refers to it any more: it is gone\n"
                "\n"
                "  a = []           # and what counting cannot do:\n"
                "  a.append(a)      # a list that refers to itself\n"
                "  refcount a\n"
                "  del a            # its count never becomes 0; that takes a collector\n" },
    { "values", "Values are written as in Python:\n"
                "  None True False 42 -1.5 'text' b'bytes' (1, 'a') [1, [2, 3]] {'key': 1}\n"
                "  {1, 'a'} set() frozenset([1, 2])\n"
                "  deque([1, 2])  deque([], maxlen=10)   items that come and go at both ends\n"
                "A variable or name inside a value is a reference, not a copy: z = [x, x]\n"
                "What is longer than the server sends at a time is shown as <list ...>.\n" },
    { "variables",
      "  x = VALUE        store a value; x is a reference to it\n"
      "  y = x            a second reference to the same object\n"
      "  y = x[0]         a reference to an item\n"
      "  x[0] = VALUE     replace an item; d['key'] = VALUE likewise\n"
      "  x                show what x refers to; also x[0], x[1:3], x[::-1], d['key']\n"
      "  del x            drop the reference; del x[0] removes an item\n"
      "  x[1:3] = [7, 8]  replace some items; del x[::2] removes some\n"
      "  vars             show your variables\n"
      "  begin            open a scope: what you set from here on...\n"
      "  end              ...is dropped here, all at once\n"
      "  end keep x, y    the same, but these stay\n"
      "Variables are yours and end with the shell, like a function's in Python.\n"
      "A word that is no variable is looked up among the names on the server.\n" },
    { "names", "  bind NAME x      give an object a name that every program sees\n"
               "  unbind NAME      remove the name\n"
               "  names [PREFIX]   list the names\n"
               "A name with other characters than letters, digits and _ is written as it is\n"
               "behind bind, unbind and names: bind config/colours x\n" },
    { "methods", "  x.append(v)  x.extend(v)  x.insert(i, v)  x.pop()  x.pop(i)\n"
                 "Deques also: x.appendleft(v)  x.extendleft(v)  x.popleft()  x.rotate(n)\n"
                 "  x.clear()\n"
                 "Dicts: d.get(k)  d.get(k, default)  d.pop(k)  d.keys()  d.items()\n"
                 "Sets: s.add(v)  s.discard(v)  s.remove(v)  s.pop()  s.clear()  s.update(t)\n"
                 "  s.union(t)  s.intersection(t)  s.difference(t)  s.symmetric_difference(t)\n"
                 "  s.issubset(t)  s.issuperset(t)  s.isdisjoint(t)\n"
                 "  v in x       v not in x       x is y       x is not y\n" },
    { "classes",
      "  class Point: x, y          a class with two slots; Point is a variable\n"
      "  class Spot(Point): colour  a class with the slots of Point and one more\n"
      "  class Plain: x, ...        records also take any other attribute\n"
      "  p = Point(1, 2)            a record; also Point(x=1), or Point() without values\n"
      "  p.x    p.x = 3    del p.x  read, set and remove an attribute\n"
      "  p.__class__                its class\n"
      "Records are told apart by identity: two with the same values are two.\n" },
    { "functions",
      "  refcount x   how many references the object has (looking is not counted)\n"
      "  id x         its identity: two names with the same one are one object\n"
      "  type x       its type\n"
      "  sizeof x     how many bytes it occupies, without what it refers to\n"
      "  len x        items, bytes or characters\n"
      "  describe x   all of this, and the size with everything that it refers to\n"
      "  print x      show it\n"
      "  weakref x    an object that refers to x but does not keep it; w = weakref(x)\n"
      "  deref w      what a weakref refers to; None if it is gone\n"
      "  export x     a token, for which any program gets the object\n"
      "  y = import('TOKEN')    the object of a token\n"
      "Each also works with brackets: len(x).\n" },
};

static const char general[] =
    "x = [1, 2]     store a value           y = x        refer to it once more\n"
    "x              show it                 del x        drop a reference\n"
    "refcount x     how many references     id x, type x, sizeof x, len x, describe x\n"
    "bind NAME x    a name for everybody    unbind NAME  remove it\n"
    "x.append(3)    change it               x[0], d['k'] its items\n"
    "class P: x, y  a class                 p = P(1, 2)  a record; p.x its attributes\n"
    "names, vars    list names, variables   info         what the server holds\n"
    "quit           leave (or Ctrl-D)       help TOPIC   more about: lesson, values,\n"
    "                                                    variables, names, methods, classes,\n"
    "                                                    functions\n";

/* The topic under which a word of the language is explained; NULL if it is none. */
static const char *topic_of(const char *word)
{
    bool is_word = false;

    for (const char *const *known = shell_words; *known && !is_word; known++)
        is_word = strcmp(*known, word) == 0;
    if (!is_word)
        return NULL;
    if (shell_find_function(word, strlen(word)) != SHELL_NO_FUNCTION)
        return "functions";
    if (strcmp(word, "class") == 0)
        return "classes";
    if (strcmp(word, "bind") == 0 || strcmp(word, "unbind") == 0 || strcmp(word, "ls") == 0)
        return "names";
    return strcmp(word, "is") == 0 ? "methods" : "variables";
}

static const char *text_of(const char *topic)
{
    for (size_t i = 0; i < TN_ARRAY_LEN(topics); i++) {
        if (strcmp(topics[i].topic, topic) == 0)
            return topics[i].text;
    }
    return NULL;
}

const char *shell_help(const char *topic)
{
    const char *text = topic ? text_of(topic) : general;

    if (!text && topic_of(topic))
        text = text_of(topic_of(topic));
    return text;
}
