--------------------------------- MODULE Sleep ---------------------------------
(***************************************************************************)
(* Sleeping and waking at one port: each client thread has one exchange.   *)
(* The receivers that look at the same exchanges are a group: those of     *)
(* "all" look at all of them, those of "one" and "two" at what their face  *)
(* says is theirs, which it may change at any moment (home). One of a      *)
(* group is its scanner, which sleeps on the posts of the hot exchanges,   *)
(* the others on their private words. Posts of cold exchanges wake nobody  *)
(* by themselves: there the ring word decides, one for all groups.         *)
(* Follows docs/exchange.md, "Sleeping and waking", and the way            *)
(* native/core/receive.c, group.c and collect.c hold the port's lock.      *)
(*                                                                         *)
(* What an exchange carries is left out: a post is a number, an answer the *)
(* number it answers. rung[t] says that thread t's private word has        *)
(* changed since t last read it; sleeping[t] is where t sleeps in the      *)
(* kernel. Each step touches one shared word.                              *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   later     who leaves sets the ring to LATER and does not look again   *)
(*   now       the scanner sets the ring to NOW after its last look        *)
(*   sleepbit  the scanner sets SLEEP and sleeps whatever it set it on     *)
(*   stale     a client that saw SLEEP in its post does not heed the ring  *)
(*   handover  who leaves does not wake others for what is queued          *)
(*   scanner   who queues something does not tell the scanner              *)
(*   busy      who leaves ignores that a record was busy                   *)
(*   oneway    a one-way put heeds the ring's NOW only                     *)
(*   deadline  who leaves by its deadline does not look or hand over       *)
(*   clear     whoever begins to wait clears the ring                      *)
(*   watcher   the watcher wakes only a scanner                            *)
(*   private   a client reads its private word after it has looked         *)
(*   finish    finish does not look for the client's SLEEP                 *)
(*   others    who becomes or was a scanner clears the ring for all groups *)
(*   told      who moves a client to another group does not tell it        *)
(*   bell      the watcher wakes but one scanner                           *)
(*   passed    who takes up what another group gets keeps it to itself     *)
(***************************************************************************)
EXTENDS Integers, FiniteSets, TLC

CONSTANTS Receivers, Clients,
          Cold,       \* clients whose posts the scanner cannot sleep on
          OneWay,     \* clients that only put one-way messages
          Picky,      \* receivers that take messages of Favourites only
          Favourites,
          Ones, Twos, \* receivers of the groups "one" and "two"
          AtTwo,      \* clients that are at home in "two" when it begins; the others are in "one"
          Moves,      \* how often a client is moved to another home
          Last,       \* messages of each client
          Deadlines,  \* how many receives end by their deadline
          Cancels,    \* how many offers are cancelled
          Returns,    \* how often receivers come back for more
          Bug

Hot == Clients \ Cold
Nobody == "nobody"
Groups == {"all", "one", "two"}
Homes == {"one", "two", "none"}
GroupOf(r) == IF r \in Ones THEN "one" ELSE IF r \in Twos THEN "two" ELSE "all"

(* --algorithm Sleep {
variables
  post = [c \in Clients |-> 0], postSleep = [c \in Clients |-> FALSE],       \* one word
  answer = [c \in Clients |-> 0], answerSleep = [c \in Clients |-> FALSE],   \* one word
  ring = "no",
  datagram = FALSE,                                        \* on its way to the watcher
  rung = [t \in Receivers \union Clients |-> FALSE],
  sleeping = [t \in Receivers \union Clients |-> "no"],    \* "private", "posts", "answer"
  \* private to the server; all but busy under the port's lock
  lock = FALSE, sleepers = {}, queue = {}, seen = [c \in Clients |-> 0],
  scanner = [g \in Groups |-> Nobody],
  short = {},                                              \* groups whose scanner sleeps and cannot sleep on all of its posts
  later = {},                                              \* groups of sleepers without a scanner
  on = [r \in Receivers |-> {}],                           \* whose posts r sleeps on
  busy = {},                                               \* exchanges whose record a finish holds
  \* the face's
  home = [c \in Clients |-> IF c \in AtTwo THEN "two" ELSE "one"], moves = Moves,
  expired = {}, deadlines = Deadlines, returns = Returns,
  \* private to the client
  cancelled = {}, cancels = Cancels;

define {
  Watched(g) == IF g = "all" THEN Clients ELSE {c \in Clients : home[c] = g}
  Takes(r) == Watched(GroupOf(r)) \cap IF r \in Picky THEN Favourites ELSE Clients
  Wakeable(r) == queue \cap Takes(r) /= {}
  Scanners == {scanner[g] : g \in Groups} \ {Nobody}
  Orphans(g) == IF scanner[g] = Nobody THEN {s \in sleepers : GroupOf(s) = g} ELSE {}
  First(s) == CHOOSE x \in s : TRUE
}

macro Take() { await ~lock; lock := TRUE; }
macro Give() { lock := FALSE; }
macro Notify(t) { rung[t] := TRUE || sleeping[t] := "no"; }
macro NotifyAll(them) {
  rung := [t \in DOMAIN rung |-> rung[t] \/ t \in them];
  sleeping := [t \in DOMAIN sleeping |-> IF t \in them THEN "no" ELSE sleeping[t]];
}
macro SetRing() { ring := IF short /= {} THEN "now" ELSE IF later /= {} THEN "later" ELSE "no"; }

\* One look at a post, part of a collect.
macro Collect(c, group) {
  todo := todo \ {c};
  if (post[c] /= seen[c] /\ c \in Watched(group)) {
    if (c \in busy) late := TRUE
    else { seen[c] := post[c]; queue := queue \union {c} }
  }
}

\* Tells those who wait of what is queued: all scanners that take some of it, else one sleeper that does; and one of `again` to look again.
macro HandOver(me, again) {
  with (scan = IF Bug = "scanner" THEN {} ELSE {r \in Scanners : Wakeable(r) /\ (Bug = "passed" => me = "watcher" \/ GroupOf(r) = GroupOf(me))},
        rest = IF scan = {} /\ Bug # "handover" THEN {r \in sleepers : Wakeable(r)} ELSE {};
        one \in IF rest = {} THEN {Nobody} ELSE rest; other \in IF again = {} \/ Bug = "busy" THEN {Nobody} ELSE again)
    NotifyAll(scan \union {one, other});
}

fair process (client \in Clients)
  variables n = 0, slept = FALSE;
{
Offer:
  while (n < Last /\ self \notin cancelled) {
      n := n + 1;
      if (postSleep[self])                                 \* wakes whoever sleeps on it
        sleeping := [t \in DOMAIN sleeping |-> IF sleeping[t] = "posts" /\ self \in on[t] THEN "no" ELSE sleeping[t]];
      slept := postSleep[self] /\ Bug = "stale";
      post[self] := n || postSleep[self] := FALSE;
    Ring:
      if (~slept /\ (ring = "now" \/ (ring = "later" /\ self \in OneWay /\ Bug # "oneway"))) datagram := TRUE;
      if (self \in OneWay) goto Offer;
    Prepare:
      if (Bug # "private") rung[self] := FALSE;
    Late:
      if (self \in cancelled) goto Offer
      else if (ring = "later" /\ ~slept) datagram := TRUE;
    SetSleep:
      if (Bug = "private") rung[self] := FALSE;
      if (answer[self] = n) goto Offer else answerSleep[self] := TRUE;
    Futex:
      if (~rung[self] /\ answer[self] /= n) sleeping[self] := "answer";
    Asleep:
      await sleeping[self] = "no";
      goto Prepare;
  }
}

fair process (receiver \in Receivers)
  variables todo = {}, mine = Nobody, late = FALSE, expected = [c \in Hot |-> 0], news = FALSE;
{
Receive:
  while (TRUE) {
      Take();
      rung[self] := FALSE;
      todo := Watched(GroupOf(self));
    Collect:
      if (todo /= {}) { with (c = First(todo)) { Collect(c, GroupOf(self)) }; if (todo /= {}) goto Collect };
    Choose:
      if (Wakeable(self)) {
        with (c \in queue \cap Takes(self)) { queue := queue \ {c}; mine := c };
        goto Leave;
      } else if (self \in expired) goto Leave
      else {
        HandOver(self, {});
        if (late) { late := FALSE; Give(); goto Receive }
        else if (scanner[GroupOf(self)] = Nobody) {
          scanner[GroupOf(self)] := self;
          later := later \ {GroupOf(self)};
          if (Bug = "others") ring := "no" else SetRing();
          Give();
        } else {
          if (Bug = "clear") ring := "no";
          sleepers := sleepers \union {self};
          Give();
          goto Follow;
        };
      };
    Spin:
      Take();
      todo := Hot \cap Watched(GroupOf(self));
    SetSleep:
      while (todo /= {}) with (c = First(todo)) {
        todo := todo \ {c};
        on[self] := on[self] \union {c};
        expected[c] := IF Bug = "sleepbit" THEN post[c] ELSE seen[c];
        if (post[c] = seen[c] \/ Bug = "sleepbit") postSleep[c] := TRUE else news := TRUE;
      };
      if (Cold \cap Watched(GroupOf(self)) /= {}) short := short \union {GroupOf(self)};
      if (Bug # "now") SetRing();
      Give();
      todo := IF Bug = "sleepbit" THEN Cold ELSE Watched(GroupOf(self));
    LookAgain:
      while (todo /= {}) with (c = First(todo)) {
        todo := todo \ {c};
        if (post[c] /= seen[c] /\ c \in Watched(GroupOf(self))) news := TRUE;
      };
      if (Bug = "now") SetRing();
      if (news) { news := FALSE; goto Back };
    Futex:
      if (~rung[self] /\ \A c \in on[self] : postSleep[c] /\ post[c] = expected[c]) sleeping[self] := "posts";
    Back:
      await sleeping[self] = "no";
      Take();
      expected := [c \in Hot |-> 0];
      on[self] := {};
      scanner[GroupOf(self)] := Nobody;
      short := short \ {GroupOf(self)};
      if (Bug = "others") ring := "no" else SetRing();
      rung[self] := FALSE;
      todo := Watched(GroupOf(self));
      goto Collect;
    Follow:
      if (~rung[self]) sleeping[self] := "private";
    Followed:
      await sleeping[self] = "no";
      Take();
      sleepers := sleepers \ {self};
      rung[self] := FALSE;
      todo := Watched(GroupOf(self));
      goto Collect;
    Leave:
      late := FALSE;
      if (Orphans(GroupOf(self)) /= {} /\ GroupOf(self) \in later) goto Left
      else if (Orphans(GroupOf(self)) /= {} /\ ~(Bug = "deadline" /\ self \in expired)) {
        later := later \union {GroupOf(self)};
        SetRing();
        if (Bug # "later") todo := Watched(GroupOf(self)) else goto Left;
      } else {
        later := later \ {GroupOf(self)};
        SetRing();
        goto Left;
      };
    Leaving:
      if (todo /= {}) { with (c = First(todo)) { Collect(c, GroupOf(self)) }; if (todo /= {}) goto Leaving };
    Left:
      if (~(Bug = "deadline" /\ self \in expired)) { HandOver(self, IF late THEN Orphans(GroupOf(self)) ELSE {}) };
      late := FALSE;
      Give();
    Away:-                                                 \* may never come back
      await returns > 0;
      returns := returns - 1;
      if (self \in expired) { expired := expired \ {self}; mine := Nobody; goto Receive }
      else if (mine \in OneWay) { mine := Nobody; goto Receive };
    Finish:
      await mine \notin busy;
      if (answer[mine] /= seen[mine]) {
        busy := busy \union {mine};
        answer[mine] := seen[mine];
        if (answerSleep[mine] /\ Bug # "finish") sleeping[mine] := "no";
        answerSleep[mine] := FALSE;
      };
    Finished:
      busy := busy \ {mine};
      mine := Nobody;
      either goto Receive or skip;
    Rest:                                                  \* or it has other things to do
      await FALSE;
  }
}

fair process (watcher = "watcher")
  variables todo = {}, late = FALSE;
{
Watch:
  while (TRUE) {
      await datagram /\ ~lock;
      datagram := FALSE;
      if (Scanners /= {} /\ (Scanners = {scanner["all"]} \/ Bug \in {"bell", "watcher"})) { with (s \in Scanners) Notify(s); goto Watch }
      else if (Scanners \union sleepers /= {} /\ Bug # "watcher") { lock := TRUE; todo := Clients }
      else goto Watch;
    Collect:
      with (c = First(todo)) { Collect(c, "all"); if (todo /= {}) goto Collect };
    HandOver:
      if (late /\ Bug # "busy") { NotifyAll(Scanners \union sleepers) } else { HandOver("watcher", {}) };
      late := FALSE;
      Give();
  }
}

process (deadline = "deadline")
{
Deadline:
  while (deadlines > 0)
    with (r \in {s \in Receivers : sleeping[s] /= "no"}) {
      deadlines := deadlines - 1;
      expired := expired \union {r};
      sleeping[r] := "no";
    }
}

process (mover = "mover")                                  \* or a client that has just bound: it comes from nowhere
{
Move:
  while (TRUE) {
      await moves > 0;
      with (c \in Clients, h \in Homes \ {home[c]}) home[c] := h;
      moves := moves - 1;
    Tell:
      await ~lock;
      if (Bug # "told") { NotifyAll(Scanners \union sleepers) };
  }
}

process (canceller = "canceller")
  variables victim = Nobody;
{
Cancel:
  while (cancels > 0) {
      with (c \in Clients \ OneWay) { cancelled := cancelled \union {c}; victim := c };
      cancels := cancels - 1;
    Notify:
      Notify(victim);
      victim := Nobody;
  }
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

Symmetry == Permutations(Receivers)
Sleeps(t) == sleeping[t] /= "no"
Resting(r) == pc[r] \in {"Away", "Rest"}
Pending(c) == post[c] /= seen[c] \/ c \in queue

\* Nothing moves but by a receiver that comes back, a deadline, or a cancel.
Quiet ==
  /\ ~datagram /\ ~lock /\ pc["watcher"] = "Watch"
  /\ pc["canceller"] \in {"Cancel", "Done"} /\ pc["mover"] = "Move"
  /\ \A r \in Receivers : Sleeps(r) \/ Resting(r)
  /\ \A c \in Clients : Sleeps(c) \/ pc[c] = "Done"

\* Never does a message wait while a receiver that takes it sleeps.
NoLostMessage == Quiet => \A c \in Clients : Pending(c) => \A r \in Receivers : Sleeps(r) => c \notin Takes(r)
\* Never does a client sleep that is answered or cancelled.
NoLostAnswer == Quiet => \A c \in Clients : Sleeps(c) => answer[c] /= n[c] /\ c \notin cancelled

\* The same over time: a message does not wait for ever while someone could take it.
Available(c) == \E r \in Receivers : ~Resting(r) /\ c \in Takes(r)
MessagesGetTaken == \A c \in Clients : []<>~(Pending(c) /\ Available(c))
================================================================================
