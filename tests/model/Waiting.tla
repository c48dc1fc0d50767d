------------------------------- MODULE Waiting -------------------------------
(***************************************************************************)
(* Offers that are made only to a receiver that waits at this moment       *)
(* (TPY_OFFER_NOW): the word by which a port's receiver says whom it waits *)
(* for, which is a hint, written with plain stores; and the step from an   *)
(* answer to the next receive, which takes no time for who gets the        *)
(* answer. Follows docs/exchange.md, "How far an offer came", and          *)
(* docs/l4.md. Each step touches at most one shared word.                  *)
(*                                                                         *)
(* The caller calls and, when it is answered, makes an offer with no time; *)
(* others make such an offer at any moment. An answer word is              *)
(* <<sequence, what>>, as in Holding.                                      *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   after     the server says that it waits after it has answered         *)
(*   long      a long answer clears what the server said before its end    *)
(*   early     the server says so, and then waits for its pages            *)
(*   signal    a signal makes the receiver say for a moment that it left   *)
(*   before    the receiver says that it left before it accepts            *)
(*   never     the receiver does not say that it left                      *)
(*   once      the client looks only before it posts                       *)
(*   blind     the client gives up without asking whether it was accepted  *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS Caller, Others, Signals, Bug

Clients == {Caller} \union Others
Nobody == "nobody"
Anybody == "anybody"
Covers(who, c) == who = Anybody \/ who = c

(* --algorithm Waiting {
variables
  waits = Nobody,                                         \* in the server's page, read-only to clients
  post = [c \in Clients |-> 0], accepted = [c \in Clients |-> 0], answer = [c \in Clients |-> <<0, "done">>],
  signals = Signals,
  \* what holds, for the invariants only: whom the server waits for, and to whom it was away during its offer
  waiting = Nobody, away = [c \in Clients |-> FALSE], during = {},
  false = FALSE, taken = {}, timedOut = {};

macro Truly(who) {
  waiting := who;
  away := [c \in Clients |-> away[c] \/ (c \in during /\ ~Covers(who, c))];
}

fair process (client \in Clients)
  variables n = 0, word = <<0, "done">>;
{
Begin:
  if (self = Caller) { post[self] := 1; n := 1 } else goto Look;
Call:
  await answer[self] = <<1, "done">>;
Look:                                                     \* an offer with no time
  n := n + 1;
  during := during \union {self};
  away[self] := ~Covers(waiting, self);
  if (~Covers(waits, self)) goto TimedOut;
Post:
  post[self] := n;
Wait:
  if (answer[self] = <<n, "done">>) goto Answered;
Accepted:
  if (accepted[self] = n) goto Taken
  else if (Bug = "once") goto Await;
LookAgain:                                                \* at each turn, and every 200 us
  if (Covers(waits, self)) goto Wait
  else if (Bug = "blind") goto TimedOut;
Ask:
  if (answer[self] = <<n, "done">>) goto Answered else { word := answer[self]; answer[self] := <<n, "ask">> };
Decide:
  if (accepted[self] = n) goto Back;
Gone:
  if (answer[self] = <<n, "ask">>) answer[self] := <<n, "cancel">>;
  goto TimedOut;
Back:
  if (answer[self] = <<n, "ask">>) { answer[self] := word; goto Taken }
  else if (answer[self][2] = "done") goto Answered;
TimedOut:
  false := false \/ ~away[self];
  timedOut := timedOut \union {self};
  during := during \ {self};
  goto Over;
Await:
  await accepted[self] = n \/ answer[self] = <<n, "done">>;
Taken:
  await answer[self] = <<n, "done">>;
Answered:
  during := during \ {self};
Over:
  word := <<0, "done">>;
}

\* One thread of the server: it waits, takes, and answers as it waits again.
fair process (server = "server")
  variables caller = Nobody, target = Anybody, one = Nobody, word = <<0, "done">>;
{
Serve:
  while (TRUE) {
      with (t \in {Anybody} \union Clients) target := t;
    Expect:
      if (Bug # "after") waits := target;
    Pages:                                                \* its pager is as slow as it likes
      either { await Bug = "early" /\ caller /= Nobody; goto Rest } or skip;
    Long:                                                 \* hears what became of a long answer: a receive of its own
      either { await Bug = "long" /\ caller /= Nobody; waits := Nobody } or skip;
    Answer:
      if (caller /= Nobody) answer[caller] := <<post[caller], "done">>;
      caller := Nobody;
      Truly(target);
    Receive:
      waits := target;
    Queue:-                                               \* it may wait for ever
      either with (c \in {d \in Clients : Covers(target, d) /\ post[d] /= answer[d][1]}) one := c
      or with (c \in {d \in Clients : Covers(target, d) /\ answer[d] = <<post[d], "ask">>}) one := c
      or { await signals > 0; signals := signals - 1; if (Bug = "signal") waits := Nobody; goto Receive }
      or { Truly(Nobody); goto Leave };                   \* its deadline
    Before:
      if (Bug = "before") waits := Nobody;
    Accept:
      accepted[one] := post[one];
    Check:
      word := answer[one];
      if (answer[one][1] /= post[one]) {
        Truly(Nobody);
        taken := taken \union {<<one, post[one]>>};
        goto Unexpect;
      };
    Consent:
      if (answer[one] = word) {
        if (word[2] = "ask") answer[one] := <<post[one], "cancel">>;
        one := Nobody;
        goto Queue;
      } else goto Check;
    Unexpect:
      if (Bug # "never") waits := Nobody;
    Take:                                                 \* a call is answered with the next receive, a send at once
      word := <<0, "done">>;
      if (one = Caller /\ post[one] = 1) caller := one
      else if (answer[one] \in {<<0, "done">>, <<1, "done">>, <<post[one], "ask">>}) answer[one] := <<post[one], "done">>;
      one := Nobody;
      either goto Serve or goto Rest;
    Leave:
      if (Bug # "never") waits := Nobody;
    Rest:                                                 \* it has other things to do
      await FALSE;
  }
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

\* An offer fails only if the server was away from it at some moment while it was made.
NoFalseTimeout == ~false
\* Exactly one of accepted and timed out.
OneEnd == \A c \in timedOut : <<c, n[c]>> \notin taken
\* Such an offer waits for nobody who is not waiting, however long the server stays away.
Trying(c) == pc[c] \in {"Post", "Wait", "Accepted", "LookAgain", "Await"} /\ accepted[c] /= n[c]
Prompt == \A c \in Clients : []<>~(Trying(c) /\ ~Covers(waiting, c))
==============================================================================
