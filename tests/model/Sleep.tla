--------------------------------- MODULE Sleep ---------------------------------
(***************************************************************************)
(* Sleeping and waking at one port: each client thread has one exchange;   *)
(* several receivers wait, one of them as the scanner, which sleeps on the *)
(* posts of the hot exchanges, the others on their private words. Posts of *)
(* cold exchanges wake nobody by themselves: there the ring word decides.  *)
(* Follows docs/exchange.md, "Sleeping and waking", and the way            *)
(* native/core/receive.c and collect.c hold the port's lock.               *)
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
(***************************************************************************)
EXTENDS Integers, FiniteSets, TLC

CONSTANTS Receivers, Clients,
          Cold,       \* clients whose posts the scanner cannot sleep on
          OneWay,     \* clients that only put one-way messages
          Picky,      \* receivers that take messages of Favourites only
          Favourites,
          Last,       \* messages of each client
          Deadlines,  \* how many receives end by their deadline
          Cancels,    \* how many offers are cancelled
          Returns,    \* how often receivers come back for more
          Bug

Hot == Clients \ Cold
Nobody == "nobody"
Takes(r) == IF r \in Picky THEN Favourites ELSE Clients

(* --algorithm Sleep {
variables
  post = [c \in Clients |-> 0], postSleep = [c \in Clients |-> FALSE],       \* one word
  answer = [c \in Clients |-> 0], answerSleep = [c \in Clients |-> FALSE],   \* one word
  ring = "no",
  datagram = FALSE,                                        \* on its way to the watcher
  rung = [t \in Receivers \union Clients |-> FALSE],
  sleeping = [t \in Receivers \union Clients |-> "no"],    \* "private", "posts", "answer"
  \* private to the server; all but busy under the port's lock
  lock = FALSE, scanner = Nobody, sleepers = {}, queue = {}, seen = [c \in Clients |-> 0],
  busy = {},                                               \* exchanges whose record a finish holds
  expired = {}, deadlines = Deadlines, returns = Returns,
  \* private to the client
  cancelled = {}, cancels = Cancels;

define {
  Wakeable(r) == queue \cap Takes(r) /= {}
  First(s) == CHOOSE x \in s : TRUE
}

macro Take() { await ~lock; lock := TRUE; }
macro Give() { lock := FALSE; }
macro Notify(t) { rung[t] := TRUE || sleeping[t] := "no"; }

\* One look at a post, part of a collect.
macro Collect(c) {
  todo := todo \ {c};
  if (post[c] /= seen[c]) {
    if (c \in busy) late := TRUE
    else { seen[c] := post[c]; queue := queue \union {c} }
  }
}

\* Tells whoever waits of what is queued, or that someone must look again.
macro HandOver(me, late) {
  with (f = {s \in sleepers : Wakeable(s) \/ (late /\ scanner = Nobody /\ Bug # "busy")}) {
    if (queue /= {} /\ scanner \notin {Nobody, me} /\ Bug # "scanner") {
      if (f /= {} /\ Bug # "handover") with (s \in f) {
        rung := [rung EXCEPT ![s] = TRUE, ![scanner] = TRUE];
        sleeping := [sleeping EXCEPT ![s] = "no", ![scanner] = "no"];
      } else { Notify(scanner) }
    } else if (f /= {} /\ Bug # "handover") with (s \in f) { Notify(s) }
  }
}

fair process (client \in Clients)
  variables n = 0, slept = FALSE;
{
Offer:
  while (n < Last /\ self \notin cancelled) {
      n := n + 1;
      if (postSleep[self])                                 \* wakes whoever sleeps on it
        sleeping := [t \in DOMAIN sleeping |-> IF sleeping[t] = "posts" /\ self \in Hot THEN "no" ELSE sleeping[t]];
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
      todo := Clients;
    Collect:
      with (c = First(todo)) { Collect(c); if (todo /= {}) goto Collect };
    Choose:
      if (Wakeable(self)) {
        with (c \in queue \cap Takes(self)) { queue := queue \ {c}; mine := c };
        goto Leave;
      } else if (self \in expired) goto Leave
      else {
        HandOver(self, FALSE);
        if (late) { late := FALSE; Give(); goto Receive }
        else if (scanner = Nobody) {
          scanner := self;
          ring := "no";
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
      todo := Hot;
    SetSleep:
      while (todo /= {}) with (c = First(todo)) {
        todo := todo \ {c};
        expected[c] := IF Bug = "sleepbit" THEN post[c] ELSE seen[c];
        if (post[c] = seen[c] \/ Bug = "sleepbit") postSleep[c] := TRUE else news := TRUE;
      };
      if (Cold /= {} /\ Bug # "now") ring := "now";
      Give();
      todo := IF Bug = "sleepbit" THEN Cold ELSE Clients;
    LookAgain:
      while (todo /= {}) with (c = First(todo)) { todo := todo \ {c}; if (post[c] /= seen[c]) news := TRUE };
      if (Cold /= {} /\ Bug = "now") ring := "now";
      if (news) { news := FALSE; goto Back };
    Futex:
      if (~rung[self] /\ \A c \in Hot : postSleep[c] /\ post[c] = expected[c]) sleeping[self] := "posts";
    Back:
      await sleeping[self] = "no";
      Take();
      expected := [c \in Hot |-> 0];
      scanner := Nobody;
      ring := "no";
      rung[self] := FALSE;
      todo := Clients;
      goto Collect;
    Follow:
      if (~rung[self]) sleeping[self] := "private";
    Followed:
      await sleeping[self] = "no";
      Take();
      sleepers := sleepers \ {self};
      rung[self] := FALSE;
      todo := Clients;
      goto Collect;
    Leave:
      late := FALSE;
      if (sleepers /= {} /\ scanner = Nobody /\ ~(Bug = "deadline" /\ self \in expired)) {
        ring := "later";
        if (Bug # "later") todo := Clients else goto Left;
      } else goto Left;
    Leaving:
      with (c = First(todo)) { Collect(c); if (todo /= {}) goto Leaving };
    Left:
      if (~(Bug = "deadline" /\ self \in expired)) { HandOver(self, late) };
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
      if (scanner /= Nobody) { Notify(scanner); goto Watch }
      else if (sleepers /= {} /\ Bug # "watcher") { lock := TRUE; todo := Clients }
      else goto Watch;
    Collect:
      with (c = First(todo)) { Collect(c); if (todo /= {}) goto Collect };
    HandOver:
      HandOver("watcher", late);
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
\* BEGIN TRANSLATION
\* Label SetSleep of process client at line 111 col 7 changed to SetSleep_
\* Label Futex of process client at line 114 col 7 changed to Futex_
\* Label Collect of process receiver at line 130 col 12 changed to Collect_
\* Process variable todo of process receiver at line 122 col 13 changed to todo_
\* Process variable late of process receiver at line 122 col 39 changed to late_
VARIABLES post, postSleep, answer, answerSleep, ring, datagram, rung, 
          sleeping, lock, scanner, sleepers, queue, seen, busy, expired, 
          deadlines, returns, cancelled, cancels, pc

(* define statement *)
Wakeable(r) == queue \cap Takes(r) /= {}
First(s) == CHOOSE x \in s : TRUE

VARIABLES n, slept, todo_, mine, late_, expected, news, todo, late, victim

vars == << post, postSleep, answer, answerSleep, ring, datagram, rung, 
           sleeping, lock, scanner, sleepers, queue, seen, busy, expired, 
           deadlines, returns, cancelled, cancels, pc, n, slept, todo_, mine, 
           late_, expected, news, todo, late, victim >>

ProcSet == (Clients) \cup (Receivers) \cup {"watcher"} \cup {"deadline"} \cup {"canceller"}

Init == (* Global variables *)
        /\ post = [c \in Clients |-> 0]
        /\ postSleep = [c \in Clients |-> FALSE]
        /\ answer = [c \in Clients |-> 0]
        /\ answerSleep = [c \in Clients |-> FALSE]
        /\ ring = "no"
        /\ datagram = FALSE
        /\ rung = [t \in Receivers \union Clients |-> FALSE]
        /\ sleeping = [t \in Receivers \union Clients |-> "no"]
        /\ lock = FALSE
        /\ scanner = Nobody
        /\ sleepers = {}
        /\ queue = {}
        /\ seen = [c \in Clients |-> 0]
        /\ busy = {}
        /\ expired = {}
        /\ deadlines = Deadlines
        /\ returns = Returns
        /\ cancelled = {}
        /\ cancels = Cancels
        (* Process client *)
        /\ n = [self \in Clients |-> 0]
        /\ slept = [self \in Clients |-> FALSE]
        (* Process receiver *)
        /\ todo_ = [self \in Receivers |-> {}]
        /\ mine = [self \in Receivers |-> Nobody]
        /\ late_ = [self \in Receivers |-> FALSE]
        /\ expected = [self \in Receivers |-> [c \in Hot |-> 0]]
        /\ news = [self \in Receivers |-> FALSE]
        (* Process watcher *)
        /\ todo = {}
        /\ late = FALSE
        (* Process canceller *)
        /\ victim = Nobody
        /\ pc = [self \in ProcSet |-> CASE self \in Clients -> "Offer"
                                        [] self \in Receivers -> "Receive"
                                        [] self = "watcher" -> "Watch"
                                        [] self = "deadline" -> "Deadline"
                                        [] self = "canceller" -> "Cancel"]

Offer(self) == /\ pc[self] = "Offer"
               /\ IF n[self] < Last /\ self \notin cancelled
                     THEN /\ n' = [n EXCEPT ![self] = n[self] + 1]
                          /\ IF postSleep[self]
                                THEN /\ sleeping' = [t \in DOMAIN sleeping |-> IF sleeping[t] = "posts" /\ self \in Hot THEN "no" ELSE sleeping[t]]
                                ELSE /\ TRUE
                                     /\ UNCHANGED sleeping
                          /\ slept' = [slept EXCEPT ![self] = postSleep[self] /\ Bug = "stale"]
                          /\ /\ post' = [post EXCEPT ![self] = n'[self]]
                             /\ postSleep' = [postSleep EXCEPT ![self] = FALSE]
                          /\ pc' = [pc EXCEPT ![self] = "Ring"]
                     ELSE /\ pc' = [pc EXCEPT ![self] = "Done"]
                          /\ UNCHANGED << post, postSleep, sleeping, n, slept >>
               /\ UNCHANGED << answer, answerSleep, ring, datagram, rung, lock, 
                               scanner, sleepers, queue, seen, busy, expired, 
                               deadlines, returns, cancelled, cancels, todo_, 
                               mine, late_, expected, news, todo, late, victim >>

Ring(self) == /\ pc[self] = "Ring"
              /\ IF ~slept[self] /\ (ring = "now" \/ (ring = "later" /\ self \in OneWay /\ Bug # "oneway"))
                    THEN /\ datagram' = TRUE
                    ELSE /\ TRUE
                         /\ UNCHANGED datagram
              /\ IF self \in OneWay
                    THEN /\ pc' = [pc EXCEPT ![self] = "Offer"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "Prepare"]
              /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, rung, 
                              sleeping, lock, scanner, sleepers, queue, seen, 
                              busy, expired, deadlines, returns, cancelled, 
                              cancels, n, slept, todo_, mine, late_, expected, 
                              news, todo, late, victim >>

Prepare(self) == /\ pc[self] = "Prepare"
                 /\ IF Bug # "private"
                       THEN /\ rung' = [rung EXCEPT ![self] = FALSE]
                       ELSE /\ TRUE
                            /\ rung' = rung
                 /\ pc' = [pc EXCEPT ![self] = "Late"]
                 /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                 datagram, sleeping, lock, scanner, sleepers, 
                                 queue, seen, busy, expired, deadlines, 
                                 returns, cancelled, cancels, n, slept, todo_, 
                                 mine, late_, expected, news, todo, late, 
                                 victim >>

Late(self) == /\ pc[self] = "Late"
              /\ IF self \in cancelled
                    THEN /\ pc' = [pc EXCEPT ![self] = "Offer"]
                         /\ UNCHANGED datagram
                    ELSE /\ IF ring = "later" /\ ~slept[self]
                               THEN /\ datagram' = TRUE
                               ELSE /\ TRUE
                                    /\ UNCHANGED datagram
                         /\ pc' = [pc EXCEPT ![self] = "SetSleep_"]
              /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, rung, 
                              sleeping, lock, scanner, sleepers, queue, seen, 
                              busy, expired, deadlines, returns, cancelled, 
                              cancels, n, slept, todo_, mine, late_, expected, 
                              news, todo, late, victim >>

SetSleep_(self) == /\ pc[self] = "SetSleep_"
                   /\ IF Bug = "private"
                         THEN /\ rung' = [rung EXCEPT ![self] = FALSE]
                         ELSE /\ TRUE
                              /\ rung' = rung
                   /\ IF answer[self] = n[self]
                         THEN /\ pc' = [pc EXCEPT ![self] = "Offer"]
                              /\ UNCHANGED answerSleep
                         ELSE /\ answerSleep' = [answerSleep EXCEPT ![self] = TRUE]
                              /\ pc' = [pc EXCEPT ![self] = "Futex_"]
                   /\ UNCHANGED << post, postSleep, answer, ring, datagram, 
                                   sleeping, lock, scanner, sleepers, queue, 
                                   seen, busy, expired, deadlines, returns, 
                                   cancelled, cancels, n, slept, todo_, mine, 
                                   late_, expected, news, todo, late, victim >>

Futex_(self) == /\ pc[self] = "Futex_"
                /\ IF ~rung[self] /\ answer[self] /= n[self]
                      THEN /\ sleeping' = [sleeping EXCEPT ![self] = "answer"]
                      ELSE /\ TRUE
                           /\ UNCHANGED sleeping
                /\ pc' = [pc EXCEPT ![self] = "Asleep"]
                /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                datagram, rung, lock, scanner, sleepers, queue, 
                                seen, busy, expired, deadlines, returns, 
                                cancelled, cancels, n, slept, todo_, mine, 
                                late_, expected, news, todo, late, victim >>

Asleep(self) == /\ pc[self] = "Asleep"
                /\ sleeping[self] = "no"
                /\ pc' = [pc EXCEPT ![self] = "Prepare"]
                /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                datagram, rung, sleeping, lock, scanner, 
                                sleepers, queue, seen, busy, expired, 
                                deadlines, returns, cancelled, cancels, n, 
                                slept, todo_, mine, late_, expected, news, 
                                todo, late, victim >>

client(self) == Offer(self) \/ Ring(self) \/ Prepare(self) \/ Late(self)
                   \/ SetSleep_(self) \/ Futex_(self) \/ Asleep(self)

Receive(self) == /\ pc[self] = "Receive"
                 /\ ~lock
                 /\ lock' = TRUE
                 /\ rung' = [rung EXCEPT ![self] = FALSE]
                 /\ todo_' = [todo_ EXCEPT ![self] = Clients]
                 /\ pc' = [pc EXCEPT ![self] = "Collect_"]
                 /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                 datagram, sleeping, scanner, sleepers, queue, 
                                 seen, busy, expired, deadlines, returns, 
                                 cancelled, cancels, n, slept, mine, late_, 
                                 expected, news, todo, late, victim >>

Collect_(self) == /\ pc[self] = "Collect_"
                  /\ LET c == First(todo_[self]) IN
                       /\ todo_' = [todo_ EXCEPT ![self] = todo_[self] \ {c}]
                       /\ IF post[c] /= seen[c]
                             THEN /\ IF c \in busy
                                        THEN /\ late_' = [late_ EXCEPT ![self] = TRUE]
                                             /\ UNCHANGED << queue, seen >>
                                        ELSE /\ seen' = [seen EXCEPT ![c] = post[c]]
                                             /\ queue' = (queue \union {c})
                                             /\ late_' = late_
                             ELSE /\ TRUE
                                  /\ UNCHANGED << queue, seen, late_ >>
                       /\ IF todo_'[self] /= {}
                             THEN /\ pc' = [pc EXCEPT ![self] = "Collect_"]
                             ELSE /\ pc' = [pc EXCEPT ![self] = "Choose"]
                  /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                  datagram, rung, sleeping, lock, scanner, 
                                  sleepers, busy, expired, deadlines, returns, 
                                  cancelled, cancels, n, slept, mine, expected, 
                                  news, todo, late, victim >>

Choose(self) == /\ pc[self] = "Choose"
                /\ IF Wakeable(self)
                      THEN /\ \E c \in queue \cap Takes(self):
                                /\ queue' = queue \ {c}
                                /\ mine' = [mine EXCEPT ![self] = c]
                           /\ pc' = [pc EXCEPT ![self] = "Leave"]
                           /\ UNCHANGED << ring, rung, sleeping, lock, scanner, 
                                           sleepers, late_ >>
                      ELSE /\ IF self \in expired
                                 THEN /\ pc' = [pc EXCEPT ![self] = "Leave"]
                                      /\ UNCHANGED << ring, rung, sleeping, 
                                                      lock, scanner, sleepers, 
                                                      late_ >>
                                 ELSE /\ LET f == {s \in sleepers : Wakeable(s) \/ (FALSE /\ scanner = Nobody /\ Bug # "busy")} IN
                                           IF queue /= {} /\ scanner \notin {Nobody, self} /\ Bug # "scanner"
                                              THEN /\ IF f /= {} /\ Bug # "handover"
                                                         THEN /\ \E s \in f:
                                                                   /\ rung' = [rung EXCEPT ![s] = TRUE, ![scanner] = TRUE]
                                                                   /\ sleeping' = [sleeping EXCEPT ![s] = "no", ![scanner] = "no"]
                                                         ELSE /\ /\ rung' = [rung EXCEPT ![scanner] = TRUE]
                                                                 /\ sleeping' = [sleeping EXCEPT ![scanner] = "no"]
                                              ELSE /\ IF f /= {} /\ Bug # "handover"
                                                         THEN /\ \E s \in f:
                                                                   /\ rung' = [rung EXCEPT ![s] = TRUE]
                                                                   /\ sleeping' = [sleeping EXCEPT ![s] = "no"]
                                                         ELSE /\ TRUE
                                                              /\ UNCHANGED << rung, 
                                                                              sleeping >>
                                      /\ IF late_[self]
                                            THEN /\ late_' = [late_ EXCEPT ![self] = FALSE]
                                                 /\ lock' = FALSE
                                                 /\ pc' = [pc EXCEPT ![self] = "Receive"]
                                                 /\ UNCHANGED << ring, scanner, 
                                                                 sleepers >>
                                            ELSE /\ IF scanner = Nobody
                                                       THEN /\ scanner' = self
                                                            /\ ring' = "no"
                                                            /\ lock' = FALSE
                                                            /\ pc' = [pc EXCEPT ![self] = "Spin"]
                                                            /\ UNCHANGED sleepers
                                                       ELSE /\ IF Bug = "clear"
                                                                  THEN /\ ring' = "no"
                                                                  ELSE /\ TRUE
                                                                       /\ ring' = ring
                                                            /\ sleepers' = (sleepers \union {self})
                                                            /\ lock' = FALSE
                                                            /\ pc' = [pc EXCEPT ![self] = "Follow"]
                                                            /\ UNCHANGED scanner
                                                 /\ late_' = late_
                           /\ UNCHANGED << queue, mine >>
                /\ UNCHANGED << post, postSleep, answer, answerSleep, datagram, 
                                seen, busy, expired, deadlines, returns, 
                                cancelled, cancels, n, slept, todo_, expected, 
                                news, todo, late, victim >>

Spin(self) == /\ pc[self] = "Spin"
              /\ ~lock
              /\ lock' = TRUE
              /\ todo_' = [todo_ EXCEPT ![self] = Hot]
              /\ pc' = [pc EXCEPT ![self] = "SetSleep"]
              /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                              datagram, rung, sleeping, scanner, sleepers, 
                              queue, seen, busy, expired, deadlines, returns, 
                              cancelled, cancels, n, slept, mine, late_, 
                              expected, news, todo, late, victim >>

SetSleep(self) == /\ pc[self] = "SetSleep"
                  /\ IF todo_[self] /= {}
                        THEN /\ LET c == First(todo_[self]) IN
                                  /\ todo_' = [todo_ EXCEPT ![self] = todo_[self] \ {c}]
                                  /\ expected' = [expected EXCEPT ![self][c] = IF Bug = "sleepbit" THEN post[c] ELSE seen[c]]
                                  /\ IF post[c] = seen[c] \/ Bug = "sleepbit"
                                        THEN /\ postSleep' = [postSleep EXCEPT ![c] = TRUE]
                                             /\ news' = news
                                        ELSE /\ news' = [news EXCEPT ![self] = TRUE]
                                             /\ UNCHANGED postSleep
                             /\ pc' = [pc EXCEPT ![self] = "SetSleep"]
                             /\ UNCHANGED << ring, lock >>
                        ELSE /\ IF Cold /= {} /\ Bug # "now"
                                   THEN /\ ring' = "now"
                                   ELSE /\ TRUE
                                        /\ ring' = ring
                             /\ lock' = FALSE
                             /\ todo_' = [todo_ EXCEPT ![self] = IF Bug = "sleepbit" THEN Cold ELSE Clients]
                             /\ pc' = [pc EXCEPT ![self] = "LookAgain"]
                             /\ UNCHANGED << postSleep, expected, news >>
                  /\ UNCHANGED << post, answer, answerSleep, datagram, rung, 
                                  sleeping, scanner, sleepers, queue, seen, 
                                  busy, expired, deadlines, returns, cancelled, 
                                  cancels, n, slept, mine, late_, todo, late, 
                                  victim >>

LookAgain(self) == /\ pc[self] = "LookAgain"
                   /\ IF todo_[self] /= {}
                         THEN /\ LET c == First(todo_[self]) IN
                                   /\ todo_' = [todo_ EXCEPT ![self] = todo_[self] \ {c}]
                                   /\ IF post[c] /= seen[c]
                                         THEN /\ news' = [news EXCEPT ![self] = TRUE]
                                         ELSE /\ TRUE
                                              /\ news' = news
                              /\ pc' = [pc EXCEPT ![self] = "LookAgain"]
                              /\ ring' = ring
                         ELSE /\ IF Cold /= {} /\ Bug = "now"
                                    THEN /\ ring' = "now"
                                    ELSE /\ TRUE
                                         /\ ring' = ring
                              /\ IF news[self]
                                    THEN /\ news' = [news EXCEPT ![self] = FALSE]
                                         /\ pc' = [pc EXCEPT ![self] = "Back"]
                                    ELSE /\ pc' = [pc EXCEPT ![self] = "Futex"]
                                         /\ news' = news
                              /\ todo_' = todo_
                   /\ UNCHANGED << post, postSleep, answer, answerSleep, 
                                   datagram, rung, sleeping, lock, scanner, 
                                   sleepers, queue, seen, busy, expired, 
                                   deadlines, returns, cancelled, cancels, n, 
                                   slept, mine, late_, expected, todo, late, 
                                   victim >>

Futex(self) == /\ pc[self] = "Futex"
               /\ IF ~rung[self] /\ \A c \in Hot : postSleep[c] /\ post[c] = expected[self][c]
                     THEN /\ sleeping' = [sleeping EXCEPT ![self] = "posts"]
                     ELSE /\ TRUE
                          /\ UNCHANGED sleeping
               /\ pc' = [pc EXCEPT ![self] = "Back"]
               /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                               datagram, rung, lock, scanner, sleepers, queue, 
                               seen, busy, expired, deadlines, returns, 
                               cancelled, cancels, n, slept, todo_, mine, 
                               late_, expected, news, todo, late, victim >>

Back(self) == /\ pc[self] = "Back"
              /\ sleeping[self] = "no"
              /\ ~lock
              /\ lock' = TRUE
              /\ expected' = [expected EXCEPT ![self] = [c \in Hot |-> 0]]
              /\ scanner' = Nobody
              /\ ring' = "no"
              /\ rung' = [rung EXCEPT ![self] = FALSE]
              /\ todo_' = [todo_ EXCEPT ![self] = Clients]
              /\ pc' = [pc EXCEPT ![self] = "Collect_"]
              /\ UNCHANGED << post, postSleep, answer, answerSleep, datagram, 
                              sleeping, sleepers, queue, seen, busy, expired, 
                              deadlines, returns, cancelled, cancels, n, slept, 
                              mine, late_, news, todo, late, victim >>

Follow(self) == /\ pc[self] = "Follow"
                /\ IF ~rung[self]
                      THEN /\ sleeping' = [sleeping EXCEPT ![self] = "private"]
                      ELSE /\ TRUE
                           /\ UNCHANGED sleeping
                /\ pc' = [pc EXCEPT ![self] = "Followed"]
                /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                datagram, rung, lock, scanner, sleepers, queue, 
                                seen, busy, expired, deadlines, returns, 
                                cancelled, cancels, n, slept, todo_, mine, 
                                late_, expected, news, todo, late, victim >>

Followed(self) == /\ pc[self] = "Followed"
                  /\ sleeping[self] = "no"
                  /\ ~lock
                  /\ lock' = TRUE
                  /\ sleepers' = sleepers \ {self}
                  /\ rung' = [rung EXCEPT ![self] = FALSE]
                  /\ todo_' = [todo_ EXCEPT ![self] = Clients]
                  /\ pc' = [pc EXCEPT ![self] = "Collect_"]
                  /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                  datagram, sleeping, scanner, queue, seen, 
                                  busy, expired, deadlines, returns, cancelled, 
                                  cancels, n, slept, mine, late_, expected, 
                                  news, todo, late, victim >>

Leave(self) == /\ pc[self] = "Leave"
               /\ late_' = [late_ EXCEPT ![self] = FALSE]
               /\ IF sleepers /= {} /\ scanner = Nobody /\ ~(Bug = "deadline" /\ self \in expired)
                     THEN /\ ring' = "later"
                          /\ IF Bug # "later"
                                THEN /\ todo_' = [todo_ EXCEPT ![self] = Clients]
                                     /\ pc' = [pc EXCEPT ![self] = "Leaving"]
                                ELSE /\ pc' = [pc EXCEPT ![self] = "Left"]
                                     /\ todo_' = todo_
                     ELSE /\ pc' = [pc EXCEPT ![self] = "Left"]
                          /\ UNCHANGED << ring, todo_ >>
               /\ UNCHANGED << post, postSleep, answer, answerSleep, datagram, 
                               rung, sleeping, lock, scanner, sleepers, queue, 
                               seen, busy, expired, deadlines, returns, 
                               cancelled, cancels, n, slept, mine, expected, 
                               news, todo, late, victim >>

Leaving(self) == /\ pc[self] = "Leaving"
                 /\ LET c == First(todo_[self]) IN
                      /\ todo_' = [todo_ EXCEPT ![self] = todo_[self] \ {c}]
                      /\ IF post[c] /= seen[c]
                            THEN /\ IF c \in busy
                                       THEN /\ late_' = [late_ EXCEPT ![self] = TRUE]
                                            /\ UNCHANGED << queue, seen >>
                                       ELSE /\ seen' = [seen EXCEPT ![c] = post[c]]
                                            /\ queue' = (queue \union {c})
                                            /\ late_' = late_
                            ELSE /\ TRUE
                                 /\ UNCHANGED << queue, seen, late_ >>
                      /\ IF todo_'[self] /= {}
                            THEN /\ pc' = [pc EXCEPT ![self] = "Leaving"]
                            ELSE /\ pc' = [pc EXCEPT ![self] = "Left"]
                 /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                 datagram, rung, sleeping, lock, scanner, 
                                 sleepers, busy, expired, deadlines, returns, 
                                 cancelled, cancels, n, slept, mine, expected, 
                                 news, todo, late, victim >>

Left(self) == /\ pc[self] = "Left"
              /\ IF ~(Bug = "deadline" /\ self \in expired)
                    THEN /\ LET f == {s \in sleepers : Wakeable(s) \/ (late_[self] /\ scanner = Nobody /\ Bug # "busy")} IN
                              IF queue /= {} /\ scanner \notin {Nobody, self} /\ Bug # "scanner"
                                 THEN /\ IF f /= {} /\ Bug # "handover"
                                            THEN /\ \E s \in f:
                                                      /\ rung' = [rung EXCEPT ![s] = TRUE, ![scanner] = TRUE]
                                                      /\ sleeping' = [sleeping EXCEPT ![s] = "no", ![scanner] = "no"]
                                            ELSE /\ /\ rung' = [rung EXCEPT ![scanner] = TRUE]
                                                    /\ sleeping' = [sleeping EXCEPT ![scanner] = "no"]
                                 ELSE /\ IF f /= {} /\ Bug # "handover"
                                            THEN /\ \E s \in f:
                                                      /\ rung' = [rung EXCEPT ![s] = TRUE]
                                                      /\ sleeping' = [sleeping EXCEPT ![s] = "no"]
                                            ELSE /\ TRUE
                                                 /\ UNCHANGED << rung, 
                                                                 sleeping >>
                    ELSE /\ TRUE
                         /\ UNCHANGED << rung, sleeping >>
              /\ late_' = [late_ EXCEPT ![self] = FALSE]
              /\ lock' = FALSE
              /\ pc' = [pc EXCEPT ![self] = "Away"]
              /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                              datagram, scanner, sleepers, queue, seen, busy, 
                              expired, deadlines, returns, cancelled, cancels, 
                              n, slept, todo_, mine, expected, news, todo, 
                              late, victim >>

Away(self) == /\ pc[self] = "Away"
              /\ returns > 0
              /\ returns' = returns - 1
              /\ IF self \in expired
                    THEN /\ expired' = expired \ {self}
                         /\ mine' = [mine EXCEPT ![self] = Nobody]
                         /\ pc' = [pc EXCEPT ![self] = "Receive"]
                    ELSE /\ IF mine[self] \in OneWay
                               THEN /\ mine' = [mine EXCEPT ![self] = Nobody]
                                    /\ pc' = [pc EXCEPT ![self] = "Receive"]
                               ELSE /\ pc' = [pc EXCEPT ![self] = "Finish"]
                                    /\ mine' = mine
                         /\ UNCHANGED expired
              /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                              datagram, rung, sleeping, lock, scanner, 
                              sleepers, queue, seen, busy, deadlines, 
                              cancelled, cancels, n, slept, todo_, late_, 
                              expected, news, todo, late, victim >>

Finish(self) == /\ pc[self] = "Finish"
                /\ mine[self] \notin busy
                /\ IF answer[mine[self]] /= seen[mine[self]]
                      THEN /\ busy' = (busy \union {mine[self]})
                           /\ answer' = [answer EXCEPT ![mine[self]] = seen[mine[self]]]
                           /\ IF answerSleep[mine[self]] /\ Bug # "finish"
                                 THEN /\ sleeping' = [sleeping EXCEPT ![mine[self]] = "no"]
                                 ELSE /\ TRUE
                                      /\ UNCHANGED sleeping
                           /\ answerSleep' = [answerSleep EXCEPT ![mine[self]] = FALSE]
                      ELSE /\ TRUE
                           /\ UNCHANGED << answer, answerSleep, sleeping, busy >>
                /\ pc' = [pc EXCEPT ![self] = "Finished"]
                /\ UNCHANGED << post, postSleep, ring, datagram, rung, lock, 
                                scanner, sleepers, queue, seen, expired, 
                                deadlines, returns, cancelled, cancels, n, 
                                slept, todo_, mine, late_, expected, news, 
                                todo, late, victim >>

Finished(self) == /\ pc[self] = "Finished"
                  /\ busy' = busy \ {mine[self]}
                  /\ mine' = [mine EXCEPT ![self] = Nobody]
                  /\ \/ /\ pc' = [pc EXCEPT ![self] = "Receive"]
                     \/ /\ TRUE
                        /\ pc' = [pc EXCEPT ![self] = "Rest"]
                  /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                                  datagram, rung, sleeping, lock, scanner, 
                                  sleepers, queue, seen, expired, deadlines, 
                                  returns, cancelled, cancels, n, slept, todo_, 
                                  late_, expected, news, todo, late, victim >>

Rest(self) == /\ pc[self] = "Rest"
              /\ FALSE
              /\ pc' = [pc EXCEPT ![self] = "Receive"]
              /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                              datagram, rung, sleeping, lock, scanner, 
                              sleepers, queue, seen, busy, expired, deadlines, 
                              returns, cancelled, cancels, n, slept, todo_, 
                              mine, late_, expected, news, todo, late, victim >>

receiver(self) == Receive(self) \/ Collect_(self) \/ Choose(self)
                     \/ Spin(self) \/ SetSleep(self) \/ LookAgain(self)
                     \/ Futex(self) \/ Back(self) \/ Follow(self)
                     \/ Followed(self) \/ Leave(self) \/ Leaving(self)
                     \/ Left(self) \/ Away(self) \/ Finish(self)
                     \/ Finished(self) \/ Rest(self)

Watch == /\ pc["watcher"] = "Watch"
         /\ datagram /\ ~lock
         /\ datagram' = FALSE
         /\ IF scanner /= Nobody
               THEN /\ /\ rung' = [rung EXCEPT ![scanner] = TRUE]
                       /\ sleeping' = [sleeping EXCEPT ![scanner] = "no"]
                    /\ pc' = [pc EXCEPT !["watcher"] = "Watch"]
                    /\ UNCHANGED << lock, todo >>
               ELSE /\ IF sleepers /= {} /\ Bug # "watcher"
                          THEN /\ lock' = TRUE
                               /\ todo' = Clients
                               /\ pc' = [pc EXCEPT !["watcher"] = "Collect"]
                          ELSE /\ pc' = [pc EXCEPT !["watcher"] = "Watch"]
                               /\ UNCHANGED << lock, todo >>
                    /\ UNCHANGED << rung, sleeping >>
         /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, scanner, 
                         sleepers, queue, seen, busy, expired, deadlines, 
                         returns, cancelled, cancels, n, slept, todo_, mine, 
                         late_, expected, news, late, victim >>

Collect == /\ pc["watcher"] = "Collect"
           /\ LET c == First(todo) IN
                /\ todo' = todo \ {c}
                /\ IF post[c] /= seen[c]
                      THEN /\ IF c \in busy
                                 THEN /\ late' = TRUE
                                      /\ UNCHANGED << queue, seen >>
                                 ELSE /\ seen' = [seen EXCEPT ![c] = post[c]]
                                      /\ queue' = (queue \union {c})
                                      /\ late' = late
                      ELSE /\ TRUE
                           /\ UNCHANGED << queue, seen, late >>
                /\ IF todo' /= {}
                      THEN /\ pc' = [pc EXCEPT !["watcher"] = "Collect"]
                      ELSE /\ pc' = [pc EXCEPT !["watcher"] = "HandOver"]
           /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                           datagram, rung, sleeping, lock, scanner, sleepers, 
                           busy, expired, deadlines, returns, cancelled, 
                           cancels, n, slept, todo_, mine, late_, expected, 
                           news, victim >>

HandOver == /\ pc["watcher"] = "HandOver"
            /\ LET f == {s \in sleepers : Wakeable(s) \/ (late /\ scanner = Nobody /\ Bug # "busy")} IN
                 IF queue /= {} /\ scanner \notin {Nobody, "watcher"} /\ Bug # "scanner"
                    THEN /\ IF f /= {} /\ Bug # "handover"
                               THEN /\ \E s \in f:
                                         /\ rung' = [rung EXCEPT ![s] = TRUE, ![scanner] = TRUE]
                                         /\ sleeping' = [sleeping EXCEPT ![s] = "no", ![scanner] = "no"]
                               ELSE /\ /\ rung' = [rung EXCEPT ![scanner] = TRUE]
                                       /\ sleeping' = [sleeping EXCEPT ![scanner] = "no"]
                    ELSE /\ IF f /= {} /\ Bug # "handover"
                               THEN /\ \E s \in f:
                                         /\ rung' = [rung EXCEPT ![s] = TRUE]
                                         /\ sleeping' = [sleeping EXCEPT ![s] = "no"]
                               ELSE /\ TRUE
                                    /\ UNCHANGED << rung, sleeping >>
            /\ late' = FALSE
            /\ lock' = FALSE
            /\ pc' = [pc EXCEPT !["watcher"] = "Watch"]
            /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                            datagram, scanner, sleepers, queue, seen, busy, 
                            expired, deadlines, returns, cancelled, cancels, n, 
                            slept, todo_, mine, late_, expected, news, todo, 
                            victim >>

watcher == Watch \/ Collect \/ HandOver

Deadline == /\ pc["deadline"] = "Deadline"
            /\ IF deadlines > 0
                  THEN /\ \E r \in {s \in Receivers : sleeping[s] /= "no"}:
                            /\ deadlines' = deadlines - 1
                            /\ expired' = (expired \union {r})
                            /\ sleeping' = [sleeping EXCEPT ![r] = "no"]
                       /\ pc' = [pc EXCEPT !["deadline"] = "Deadline"]
                  ELSE /\ pc' = [pc EXCEPT !["deadline"] = "Done"]
                       /\ UNCHANGED << sleeping, expired, deadlines >>
            /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, 
                            datagram, rung, lock, scanner, sleepers, queue, 
                            seen, busy, returns, cancelled, cancels, n, slept, 
                            todo_, mine, late_, expected, news, todo, late, 
                            victim >>

deadline == Deadline

Cancel == /\ pc["canceller"] = "Cancel"
          /\ IF cancels > 0
                THEN /\ \E c \in Clients \ OneWay:
                          /\ cancelled' = (cancelled \union {c})
                          /\ victim' = c
                     /\ cancels' = cancels - 1
                     /\ pc' = [pc EXCEPT !["canceller"] = "Notify"]
                ELSE /\ pc' = [pc EXCEPT !["canceller"] = "Done"]
                     /\ UNCHANGED << cancelled, cancels, victim >>
          /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, datagram, 
                          rung, sleeping, lock, scanner, sleepers, queue, seen, 
                          busy, expired, deadlines, returns, n, slept, todo_, 
                          mine, late_, expected, news, todo, late >>

Notify == /\ pc["canceller"] = "Notify"
          /\ /\ rung' = [rung EXCEPT ![victim] = TRUE]
             /\ sleeping' = [sleeping EXCEPT ![victim] = "no"]
          /\ victim' = Nobody
          /\ pc' = [pc EXCEPT !["canceller"] = "Cancel"]
          /\ UNCHANGED << post, postSleep, answer, answerSleep, ring, datagram, 
                          lock, scanner, sleepers, queue, seen, busy, expired, 
                          deadlines, returns, cancelled, cancels, n, slept, 
                          todo_, mine, late_, expected, news, todo, late >>

canceller == Cancel \/ Notify

Next == watcher \/ deadline \/ canceller
           \/ (\E self \in Clients: client(self))
           \/ (\E self \in Receivers: receiver(self))

Spec == /\ Init /\ [][Next]_vars
        /\ \A self \in Clients : WF_vars(client(self))
        /\ \A self \in Receivers : WF_vars((pc[self] # "Away") /\ receiver(self))
        /\ WF_vars(watcher)

\* END TRANSLATION

Symmetry == Permutations(Receivers)
Sleeps(t) == sleeping[t] /= "no"
Resting(r) == pc[r] \in {"Away", "Rest"}
Pending(c) == post[c] /= seen[c] \/ c \in queue

\* Nothing moves but by a receiver that comes back, a deadline, or a cancel.
Quiet ==
  /\ ~datagram /\ ~lock /\ pc["watcher"] = "Watch"
  /\ pc["canceller"] \in {"Cancel", "Done"}
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
