------------------------------- MODULE Holding -------------------------------
(***************************************************************************)
(* One exchange that its server holds over several offers: accounted       *)
(* offers, of which the server takes some and commits to that while the    *)
(* client may withdraw; and the ways in which a hold ends: hang-up,        *)
(* finish, release, refusal, death. Follows docs/exchange.md, "Accounted   *)
(* offers, and holds that end". Each step touches at most one shared word. *)
(*                                                                         *)
(* The client has Size units to deliver and offers all that are left, the  *)
(* server takes as many as it likes at a time. A mark is 1 and the units   *)
(* taken, 0: not begun. An answer word is <<sequence, what, released>>:    *)
(* "ask" is the tentative withdrawal, "dropped" the server's consent to    *)
(* it; released says to a client that goes on that nobody holds it. That   *)
(* the client sleeps is a bit of that word, so whoever changes it knows.   *)
(* The collector stands for any thread that looks at the posts. One lock   *)
(* stands for the port's and the record's.                                 *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   open      a withdrawal does not close the progress word               *)
(*   behind    a commit does not look whether the word is of a later offer *)
(*   early     a receive commits before it has copied                      *)
(*   idle      a turn that comes too late does not keep the exchange       *)
(*   dropped   a held offer that was withdrawn unaccepted ends the hold    *)
(*   untold    a hold ends and its holder is not woken                     *)
(*   silent    the death of a client does not wake the holder              *)
(*   unseen    release leaves no word for an offer that is not yet seen    *)
(*   queued    release forgets an offer that is queued already             *)
(*   finish    a finish that comes too late leaves no word either          *)
(*   older     nor does release for what follows a queued, withdrawn one   *)
(*   asking    nor for one that is about to be withdrawn                   *)
(*   wake      release does not wake the client                            *)
(*   crossing  a withdrawal that crosses a release hides it                *)
(*   ambiguous released and dropped look the same                          *)
(*   anyone    a continuation goes to whoever receives                     *)
(*   refuse    refused clients are told before the queue is looked through *)
(*   stays     refusing does not look through the queue                    *)
(*   again     nor does what goes back to the queue look who was refused   *)
(*   counted   what goes back counts as accepted, so its holder is none    *)
(*   stranger  nor is who accepted what the client withdraws meanwhile     *)
(*   hangup    a hang-up is only a post                                    *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS Last,       \* offers and hang-ups of the client
          Size,       \* units to deliver
          Receivers,
          Accounted,  \* FALSE: staged offers, which are first withdrawn, and nothing is counted
          Commits,    \* may a receive commit as it accepts?
          Interrupts, \* of the client
          Pauses,     \* interrupts of holders
          Refusals,   \* 0 or 1
          Faults,     \* receives that cannot store all of what they have accepted
          Leaves,     \* may a thread that has let go receive no more?
          Deaths,     \* 0 or 1, of the client
          Kills,      \* 0 or 1, of the server
          Bug

Nobody == 0

(* --algorithm Holding {
variables
  \* words both sides see, and plain data
  post = 0, answer = <<0, "done", FALSE>>, accepted = 0, progress = [of |-> 0, closed |-> FALSE, mark |-> 0],
  offer = [continue |-> FALSE, hangup |-> FALSE, base |-> 0],
  reply = [hold |-> FALSE, error |-> FALSE, whole |-> FALSE],
  \* the client: its sleep, and what its watcher tells it
  asleep = FALSE, rung = FALSE, over = FALSE, refused = FALSE, cancelled = FALSE, interrupts = Interrupts,
  \* the server's private record, under the lock
  lock = FALSE, seen = 0, turnedAway = FALSE, bound = TRUE,
  record = [state |-> "idle", sequence |-> 0, held |-> FALSE, open |-> 0, serial |-> 0],
  told = [r \in Receivers |-> FALSE],                    \* its private word has changed
  pauses = Pauses, faults = Faults, dead = FALSE,
  \* what happened, for the invariants only
  total = 0, wrong = FALSE, sent = 0, hangups = {}, ended = TRUE, betrayed = FALSE;

define {
  \* "back": on its way back to the queue, where nobody takes it yet
  Holder == record.state \in {"held", "accepted"} \/ (record.state \in {"queued", "back"} /\ record.held)
  Standing(serial) == bound /\ record.serial = serial /\ Holder
  Marked(s) == IF progress.of = s THEN progress.mark ELSE 0
  Open == answer[1] = record.open \/ (answer[1] = record.sequence /\ answer[2] = "ask")
}

macro Take() { await ~lock; lock := TRUE; }
macro Give() { lock := FALSE; }
macro Tell() { told := [t \in Receivers |-> TRUE]; }
macro Answer(word) { answer := word || asleep := FALSE; }

fair process (client = "client")
  variables n = 0, held = FALSE, word = answer, replaced = answer, known = FALSE;
{
Begin:
  while (n < Last) {
      either {                                            \* goes on, or begins
        with (c \in IF held THEN {TRUE, FALSE} ELSE {FALSE}) offer := [continue |-> c, hangup |-> FALSE, base |-> sent];
      } or {
        await held;
        offer := [continue |-> FALSE, hangup |-> TRUE, base |-> sent];
      } or goto Stop;
    Shut:                                                 \* nobody may take a hang-up for the offer that follows
      if (offer.hangup /\ Bug # "hangup") progress := [of |-> n + 1, closed |-> TRUE, mark |-> 0];
    Void:
      if (offer.hangup /\ Bug # "hangup") answer := <<n + 1, "cancel", FALSE>>;
    Post:
      if (over \/ (refused /\ ~offer.continue)) goto Stop
      else {
        n := n + 1 || known := FALSE || replaced := <<0, "done", FALSE>> || post := n + 1 || held := held /\ offer.continue;
        if (offer.hangup) { hangups := hangups \union {n}; goto Begin };
      };
    Wait:
      rung := FALSE;
    Look:
      word := answer;
      if (answer[1] = n /\ answer[2] = "done") goto Read
      else if (over) { goto Close }
      else if (offer.continue /\ answer[1] /= n /\ (answer[3] \/ (Bug = "ambiguous" /\ answer[2] = "dropped"))) {
        held := FALSE || betrayed := betrayed \/ ~ended;
        goto Close;
      } else if (refused /\ ~offer.continue /\ ~known) { goto Ask }
      else if (cancelled) { cancelled := FALSE; if (Accounted) goto Close else goto Ask };
    Sleep:
      if (answer = word /\ ~rung) asleep := TRUE;
    Asleep:
      await ~asleep;
      goto Wait;

    Close:
      if (Accounted /\ Bug # "open")
        progress := [of |-> n, closed |-> TRUE, mark |-> Marked(n)];
    Cancel:
      if (answer[1] = n /\ answer[2] = "done") goto Read else { replaced := answer; answer := <<n, "cancel", FALSE>> };
    Withdrawn:
      if (Marked(n) > 0) sent := sent + Marked(n) - 1;
      held := ~over /\ (held \/ Marked(n) > 0) /\ ~(replaced[3] /\ offer.continue /\ Bug # "crossing");
      betrayed := betrayed \/ (replaced[3] /\ offer.continue /\ ~ended);
      goto Begin;

    Ask:                                                  \* withdraws if nobody has accepted
      if (accepted = n) { known := TRUE; goto Known };
    Withdraw:
      if (answer[1] = n /\ answer[2] = "done") goto Read
      else { replaced := answer; answer := <<n, "ask", FALSE>> };
    Decide:
      if (accepted /= n) goto Gone else known := TRUE;
    Back:
      if (answer = <<n, "ask", FALSE>>) { answer := replaced; goto Known }
      else if (answer[2] = "dropped") { held := held /\ ~answer[3]; goto Begin }
      else goto Read;
    Gone:
      if (answer = <<n, "ask", FALSE>>) answer := <<n, "cancel", FALSE>>;
      held := held /\ ~(replaced[3] /\ offer.continue /\ Bug # "crossing");
      goto Begin;
    Known:                                                \* staged: accepted, so it ends all the same
      if (Accounted \/ refused) goto Wait else goto Cancel;

    Read:
      if (reply.whole) sent := Size
      else if (Marked(n) > 0) sent := sent + Marked(n) - 1;
      held := reply.hold || betrayed := betrayed \/ (reply.error /\ offer.continue /\ ~ended);
  };
Stop:
  held := FALSE;
}

\* A thread of the server: receives, takes, answers, holds.
fair process (receiver \in Receivers)
  variables serial = 0, begun = FALSE, base = 0, took = 0, count = 0, word = <<0, "done", FALSE>>, hold = FALSE;
{
Receive:
  while (TRUE) {
      await ~lock /\ record.state = "queued" /\ (~record.held \/ (Bug = "anyone" /\ serial = Nobody));
      lock := TRUE;
      serial := Nobody || begun := FALSE || took := 0;
    Accept:                                               \* with the lock: the first bytes, then the decision
      if (Bug # "early") base := offer.base;
      with (k \in IF Commits THEN 0..(Size - offer.base) ELSE {0}) count := k;
      hold := FALSE;
    Accepted:
      accepted := record.sequence;
      either { await Commits /\ Accounted; goto Commit } or await ~Commits \/ ~Accounted \/ faults > 0;
    Answered:
      word := answer;
      if (answer[1] = record.sequence /\ answer[2] /= "ask") goto Drop;
    Consent:
      if (word[1] = record.sequence) {
        if (answer = word) { Answer(<<record.sequence, "dropped", FALSE>>); goto Drop } else goto Answered;
      };
    Posted:
      if (post /= record.sequence) goto Drop
      else {
        record.open := word[1];
        either goto Taken or { await faults > 0; faults := faults - 1; goto Part };
      };
    Commit:
      if (progress.of > record.sequence \/ (progress.of = record.sequence /\ progress.closed)) goto Drop
      else {
        progress := [of |-> record.sequence, closed |-> FALSE, mark |-> 1 + count];
        begun := TRUE;
        if (Bug # "early") { wrong := wrong \/ base /= total; total := total + count; took := count };
      };
    Opened:
      record.open := IF answer[1] = record.sequence THEN -1 ELSE answer[1];
      if (Bug = "early") { base := offer.base || wrong := wrong \/ offer.base /= total; total := total + count; took := count };
    Taken:
      record.state := "accepted" || record.serial := record.serial + 1;
      betrayed := betrayed \/ (record.held /\ serial = Nobody);
      serial := record.serial;
      wrong := wrong \/ record.sequence \in hangups || ended := FALSE;
      count := 0 || word := <<0, "done", FALSE>>;
      Give();
      goto Work;
    Part:                                                 \* accepted, and more of it than the first bytes is to be copied
      record.state := "accepted" || record.serial := record.serial + 1;
      serial := record.serial;
      count := 0 || word := <<0, "done", FALSE>>;
      Give();
    Copy:                                                 \* the rest, with the record's lock alone; here it fails
      await ~lock;
      if (~bound \/ record.serial /= serial \/ record.state /= "accepted") { if (Bug = "stranger") goto Receive else goto Lost }
      else if (Bug = "counted") { record.state := "back"; serial := IF record.held THEN serial - 1 ELSE Nobody }
      else { record.state := "back" || record.serial := serial - 1; serial := IF record.held THEN serial - 1 ELSE Nobody };
    Again:                                                \* with the port's too
      Take();
      if (record.state /= "back") goto Returned
      else if (~turnedAway \/ record.held \/ Bug = "again") { record.state := "queued"; goto Returned };
    AgainLoad:
      with (gone = answer[1] = record.sequence /\ answer[2] /= "ask") {
        record := [record EXCEPT !.state = "idle", !.open = IF gone THEN record.open ELSE answer[1]];
        if (gone) goto Returned;
      };
    AgainWanted:
      if (post /= record.sequence) goto Returned;
    AgainHeader:
      reply := [hold |-> FALSE, error |-> TRUE, whole |-> FALSE];
    AgainPublish:
      if (Open) { Answer(<<record.sequence, "done", FALSE>>) };
    Returned:
      word := <<0, "done", FALSE>>;
      Give();
      if (serial = Nobody) goto Receive else goto Held;
    Drop:
      record.state := IF record.held /\ Bug # "dropped" THEN "held" ELSE "idle";
      count := 0 || word := <<0, "done", FALSE>>;
      Give();
      if (serial = Nobody) goto Receive else goto Held;

    Work:                                                 \* an accepted offer in hand
      either {                                            \* takes some more
        await Accounted /\ base + took < Size;
        with (k \in 1..(Size - base - took)) count := k;
      } or {                                              \* answers: it may hold only what it has taken whole
        with (h \in {FALSE} \union (IF base + took = Size \/ ~Accounted THEN {TRUE} ELSE {})) hold := h;
        goto Finish;
      } or goto Release;
    Progress:
      await ~lock;
      if (~bound \/ record.serial /= serial \/ record.state /= "accepted") goto Lost
      else if ((progress.of > record.sequence /\ Bug # "behind") \/ (progress.of = record.sequence /\ progress.closed)) goto Lost
      else {
        progress := [of |-> record.sequence, closed |-> FALSE, mark |-> 1 + took + count];
        wrong := wrong \/ base + took /= total;
        total := total + count;
        took := took + count || begun := TRUE || count := 0;
        goto Work;
      };
    Lost:                                                 \* withdrawn: who has begun waits for what follows
      count := 0;
      if (begun) goto Held else goto Receive;

    Finish:
      await ~lock;
      if (~bound \/ record.serial /= serial \/ record.state /= "accepted") goto Lost else lock := TRUE;
    Header:
      reply := [hold |-> hold, error |-> FALSE, whole |-> base + took = Size /\ Accounted];
    Publish:
      record.state := IF hold /\ (Open \/ Bug # "idle") THEN "held" ELSE "idle";
      ended := ended \/ ~hold;
      begun := TRUE;
      if (Open) { Answer(<<record.sequence, "done", FALSE>>) };
      if (~hold) { if (Open \/ Bug = "finish") goto Released else goto LetGo } else { Give() };

    Held:                                                 \* receives from this one exchange
      await ~lock;
      told[self] := FALSE;
      if (~Standing(serial)) goto Receive
      else if (record.state = "queued") { took := 0 || lock := TRUE; goto Accept };
    Rest:
      either { await told[self]; goto Held }
      or { await pauses > 0; pauses := pauses - 1; either goto Release or goto Held };

    Release:
      Take();
      ended := ended \/ record.serial = serial;
      if (~bound \/ record.serial /= serial) goto Released
      else if (record.state = "held") { record.state := "idle"; goto LetGo }
      else if (record.state = "accepted" \/ (record.state = "queued" /\ record.held /\ Bug # "queued")) skip
      else goto Released;
    Refuse:                                               \* answers it, if it is wanted still
      word := answer;
      if (record.state /= "accepted") {
        if (answer[1] = record.sequence /\ answer[2] /= "ask") { record.state := "idle"; if (Bug = "older") goto Released else goto LetGo }
        else record.open := answer[1];
      };
    Wanted:
      if (record.state /= "accepted" /\ post /= record.sequence) { record.state := "idle"; goto LetGo };
    RefuseHeader:
      reply := [hold |-> FALSE, error |-> TRUE, whole |-> FALSE];
    RefusePublish:
      if (Open) { Answer(<<record.sequence, "done", FALSE>>) };
      record.state := "idle";
    LetGo:
      if (Bug # "unseen" /\ ~(Bug = "asking" /\ answer[2] = "ask")) {
        answer := <<answer[1], IF answer[2] = "ask" THEN "dropped" ELSE answer[2], TRUE>>;
        if (Bug # "wake") asleep := FALSE;
      };
    Released:
      word := <<0, "done", FALSE>> || hold := FALSE;
      serial := Nobody;
      Give();
      either goto Receive or await Leaves;
    Elsewhere:                                            \* it has other things to do
      await FALSE;
  }
}

\* Any thread that looks at the post, with the locks; in refuse it is the watcher.
fair process (collector = "collector")
  variables header = [continue |-> FALSE, hangup |-> FALSE, base |-> 0], word = answer;
{
Collect:
  while (TRUE) {
      await ~lock /\ bound /\ post /= seen /\ (~Leaves \/ \E r \in Receivers : pc[r] /= "Elsewhere");
      lock := TRUE;
      seen := post;
    Header:
      header := offer;
      with (h = Holder, goes = h /\ offer.continue /\ ~offer.hangup,
            queue = ~offer.hangup /\ (goes \/ (~offer.continue /\ ~turnedAway))) {
        if (goes \/ (h /\ ~offer.continue /\ Bug # "untold")) { Tell() };
        record := [record EXCEPT !.held = goes, !.sequence = seen, !.state = IF queue THEN "queued" ELSE "idle"];
        if (queue \/ offer.hangup) goto Leave;
      };
    Load:
      word := answer;
      if (answer[1] = record.sequence /\ answer[2] /= "ask") goto Leave else record.open := answer[1];
    Wanted:
      if (post /= record.sequence) goto Leave;
    Header2:
      reply := [hold |-> FALSE, error |-> TRUE, whole |-> FALSE];
    Publish:
      if (Open) { Answer(<<record.sequence, "done", FALSE>>) };
    Leave:
      header := [continue |-> FALSE, hangup |-> FALSE, base |-> 0];
      word := <<0, "done", FALSE>>;
      Give();
  }
}

\* The port's face refuses this client.
fair process (refusal = "refusal")
{
Refuse:
      await Refusals > 0 /\ bound /\ ~dead;
      if (Bug = "refuse") { refused := TRUE || rung := TRUE || asleep := FALSE };
    Away:
      Take();
      turnedAway := TRUE;
      if (record.state \notin {"queued", "back"} \/ record.held \/ Bug = "stays") goto Told;
    Load:
      with (gone = answer[1] = record.sequence /\ answer[2] /= "ask") {
        record := [record EXCEPT !.state = "idle", !.open = IF gone THEN record.open ELSE answer[1]];
        if (gone) goto Told;
      };
    Wanted:
      if (post /= record.sequence) goto Told;
    Header:
      reply := [hold |-> FALSE, error |-> TRUE, whole |-> FALSE];
    Publish:
      if (Open) { Answer(<<record.sequence, "done", FALSE>>) };
    Told:
      Give();
    Say:
      if (Bug # "stays") { refused := TRUE || rung := TRUE || asleep := FALSE };
}

\* The client dies, or only its end is seen: what it still writes nobody reads.
process (death = "death")
{
Die:
      await Deaths > 0 /\ ~lock;
      bound := FALSE;
      record := [record EXCEPT !.state = "idle", !.serial = record.serial + 1, !.held = FALSE];
      if (Bug # "silent") { Tell() };
}

process (kill = "kill")
{
Kill:
      await Kills > 0;
      dead := TRUE;
    Seen:
      over := TRUE || rung := TRUE || asleep := FALSE;
}

process (canceller = "canceller")
{
Interrupt:
  while (TRUE) {
      await interrupts > 0 /\ pc["client"] \in {"Wait", "Look", "Sleep", "Asleep"};
      interrupts := interrupts - 1 || cancelled := TRUE || rung := TRUE || asleep := FALSE;
  }
}
} *)
\* BEGIN TRANSLATION (made by the test, not kept)
\* END TRANSLATION

Idle == pc["client"] \in {"Begin", "Stop", "Done"}
\* The server takes each unit once, in order.
Exact == ~wrong /\ total <= Size
\* Between its offers the client knows what was taken, to the unit.
Agreed == bound /\ Idle /\ Accounted => sent = total
\* What continues goes to its holder, and is refused only if that let go.
Kept == ~betrayed

\* Nobody takes an offer that was not accepted when its client was refused.
TurnedAway == pc["refusal"] \in {"Say", "Done"} /\ turnedAway /\ ~lock => ~(record.state = "queued" /\ ~record.held)

Waits(r) == pc[r] = "Rest" /\ ~told[r]
\* Nothing moves any more, unless somebody interrupts or dies.
Nobodys == Leaves /\ \A r \in Receivers : pc[r] = "Elsewhere"
Quiet ==
  /\ ~lock /\ (post = seen \/ ~bound \/ Nobodys)
  /\ \A r \in Receivers : Waits(r) \/ pc[r] = "Elsewhere" \/ (pc[r] = "Receive" /\ ~(record.state = "queued" /\ ~record.held))
  /\ pc["collector"] = "Collect" /\ (Refusals = 0 \/ pc["refusal"] = "Done")
  /\ (pc["client"] = "Asleep" /\ asleep) \/ pc["client"] = "Done"
\* No client waits for ever whose server lives.
NoLostClient == Quiet /\ bound /\ ~dead => pc["client"] = "Done" \/ (Nobodys /\ ~offer.continue)
\* Nobody waits for a client that does not go along any more.
NoLostHolder == Quiet /\ ~dead => \A r \in Receivers : Waits(r) => Standing(serial[r]) /\ record.state /= "queued"
==============================================================================
