------------------------------- MODULE Exchange -------------------------------
(***************************************************************************)
(* One exchange: a client thread makes Last offers in a row; receivers     *)
(* accept, finishers finish, and the client may strike at any time.        *)
(* Follows docs/exchange.md. Every step touches at most one shared word;   *)
(* the words are sequentially consistent, as the code makes them. Server   *)
(* code runs under the record's lock, so one server thread at a time is    *)
(* inside the record; steps of the client fall between any two of its.     *)
(*                                                                         *)
(* An answer word is <<sequence, bits>>. "withdraw" is the tentative       *)
(* strike of an offer that may only end before it is accepted, "cancel"    *)
(* the final strike, "confirmed" a withdrawal that the server saw first.   *)
(*                                                                         *)
(* Bug puts one mistake into the protocol; "none" is the protocol itself.  *)
(*   tentative  the tentative strike looks like the final one              *)
(*   stale      accept does not look at the post again                     *)
(*   torn       accept does not look at the answer again after its copy    *)
(*   putback    the client puts back the answer it saw when it posted      *)
(*   order      withdraw looks at accepted before it changes the answer    *)
(*   finish     finish stores DONE without looking what it replaces        *)
(*   handle     finish does not look whether its handle is still good      *)
(*   rebind     the serial begins anew with a new client                   *)
(***************************************************************************)
EXTENDS Integers, FiniteSets

CONSTANTS Last,       \* offers the client makes
          Deaths,     \* how often the client may die and another take the exchange
          Receivers, Finishers,
          Turns,      \* may offers CONTINUE and finishes hold?
          Tries,      \* finishes tried with each handle
          Bug

Sequences == 1..Last
NoHandle == [serial |-> 0, sequence |-> 0, client |-> 0, error |-> FALSE, number |-> 0]

(* --algorithm Exchange {
variables
  \* words both sides see
  post = 0, answer = <<0, "done">>, accepted = 0,
  offerLeft = 0, offerRight = 0, offerContinue = FALSE,  \* offer data and header, plain stores
  answerData = 0, answerHold = FALSE, answerError = FALSE, \* answer data and header, plain stores
  \* the server's private record
  lock = FALSE,
  record = [state |-> "idle", sequence |-> 0, open |-> <<0, "done">>, continue |-> FALSE, held |-> FALSE,
            serial |-> 0],                                \* counts acceptances: names an accepted offer
  handles = {},                                           \* what someone will finish: a serial, and for the invariants whose it is
  deaths = 0,
  \* what happened, for the invariants only
  outcome = [s \in Sequences |-> "none"],                 \* how the offer ended for the client
  accepts = [s \in Sequences |-> 0],                      \* times handed to a receiver
  finishes = [s \in Sequences |-> 0],                     \* successful finishes
  copied = [s \in Sequences |-> TRUE],                    \* the receiver got this offer's bytes
  filter = [s \in Sequences |-> TRUE],                    \* it went where its header says
  replied = [s \in Sequences |-> TRUE],                   \* the client got this offer's answer
  stranger = FALSE,                                       \* a handle finished another offer than its own
  truth = [s \in Sequences |-> FALSE];                    \* the offer's CONTINUE flag

macro Unlock() { lock := FALSE; }

\* The lane.
fair process (client = "client")
  variables n = 0, mode = "never", known = FALSE, replaced = <<0, "done">>, before = <<0, "done">>, saw = 0;
{
Offer:
  while (n < Last) {
      with (c \in {FALSE, Turns}, m \in {"never", "before", "any"}) { offerContinue := c; truth[n + 1] := c; mode := m };
      n := n + 1;
      known := FALSE || replaced := <<0, "done">>;
      offerLeft := n;
    Data:
      offerRight := n;
    Post:
      post := n;
      if (Bug = "putback") before := answer;
    Wait:
      either { await answer = <<n, "done">>; goto Read }
      or { await mode = "any"; goto Cancel }
      or { await mode /= "never" /\ ~known; if (Bug = "order") goto Early else goto Withdraw }
      or { await mode = "any" /\ deaths < Deaths; goto Die };
    Cancel:                                               \* strike allowed in both states
      if (answer = <<n, "done">>) goto Read
      else { answer := <<n, "cancel">>; outcome[n] := "cancelled"; goto Offer };
    Early:
      saw := accepted;
    Withdraw:                                             \* strike allowed only before accept
      if (answer = <<n, "done">>) goto Read
      else {
        replaced := IF Bug = "putback" THEN before ELSE answer;
        answer := <<n, IF Bug = "tentative" THEN "cancel" ELSE "withdraw">>;
      };
    Look:
      if (Bug # "order") saw := accepted;
    Decide:
      if (saw /= n) { outcome[n] := "withdrawn"; saw := 0; goto Offer };
    Back:
      saw := 0;
      if (answer = <<n, "confirmed">>) { outcome[n] := "withdrawn"; goto Offer }
      else if (answer = <<n, "done">>) goto Read
      else { answer := replaced; known := TRUE; replaced := <<0, "done">>; goto Wait };
    Die:                                                  \* fresh words for the next client, the record stays
      await ~lock;
      deaths := deaths + 1;
      outcome := [s \in Sequences |-> "none"] || accepts := [s \in Sequences |-> 0] || finishes := [s \in Sequences |-> 0];
      post := 0 || answer := <<0, "done">> || accepted := 0 || n := 0;
      record := [state |-> "idle", sequence |-> 0, open |-> <<0, "done">>, continue |-> FALSE, held |-> FALSE,
                 serial |-> IF Bug = "rebind" THEN 0 ELSE record.serial];
      goto Offer;
    Read:
      replied[n] := answerData = n;
      outcome[n] := IF answerError THEN "error" ELSE "reply";
  }
}

\* A receive: look at the post, accept, copy the first bytes.
fair process (receiver \in Receivers)
  variables word = <<0, "done">>, left = 0, right = 0;
{
Receive:
  while (TRUE) {
    either {                                              \* look
        await ~lock /\ post /= record.sequence;
        lock := TRUE;
        record := [record EXCEPT !.state = "queued", !.sequence = post, !.open = <<0, "done">>];
      Header:
        record.continue := offerContinue
          || record.held := record.held /\ offerContinue;
        Unlock();
    } or {                                                \* accept
        await ~lock /\ record.state = "queued";
        lock := TRUE;
      Accept:
        accepted := record.sequence;
      LoadAnswer:
        word := answer;
      LoadPost:
        if (word = <<record.sequence, "cancel">> /\ Bug # "tentative") goto Drop
        else if (word[1] = record.sequence /\ word[2] \in {"withdraw", "cancel"}) goto Confirm
        else if (post /= record.sequence /\ Bug # "stale") goto Drop
        else { record.open := word; goto CopyLeft };
      Confirm:
        if (answer = word) { answer := <<record.sequence, "confirmed">>; goto Drop }
        else goto LoadAnswer;
      CopyLeft:
        left := offerLeft;
      CopyRight:
        right := offerRight;
      Commit:
        if (Bug # "torn" /\ answer /= record.open /\ answer /= <<record.sequence, "withdraw">>
            /\ ~(Bug = "tentative" /\ answer = <<record.sequence, "cancel">>)) goto Drop
        else {
          with (s = record.sequence, error = record.continue /\ ~record.held) {
            accepts[s] := accepts[s] + 1;
            copied[s] := left = s /\ right = s;
            filter[s] := record.continue = truth[s];
            handles := handles \union {[serial |-> record.serial + 1, sequence |-> s, client |-> deaths, error |-> error, number |-> i]
                                       : i \in 1..Tries};
          };
          record.state := "accepted" || record.serial := record.serial + 1;
          goto Leave;
        };
      Drop:
        record := [record EXCEPT !.state = "idle", !.open = <<0, "done">>];
      Leave:
        word := <<0, "done">>; left := 0; right := 0;
        Unlock();
    }
  }
}

\* A finish, by any thread, any time, once too often.
fair process (finisher \in Finishers)
  variables handle = NoHandle, hold = FALSE;
{
Idle:
  while (TRUE) {
      await ~lock;
      with (h \in handles) { handle := h; handles := handles \ {h} };
      if (record.state = "accepted" /\ (record.serial = handle.serial \/ Bug = "handle")) {
        lock := TRUE;
        with (h \in {FALSE, Turns}) hold := h /\ ~handle.error;
      } else goto Forget;
    Write:
      answerData := handle.sequence || answerHold := hold || answerError := handle.error;
    Finish:
      with (s = record.sequence) {
        if (answer = record.open \/ answer = <<s, "withdraw">> \/ Bug = "finish") {
          answer := <<s, "done">>;
          finishes[s] := finishes[s] + 1;
          stranger := stranger \/ s /= handle.sequence \/ deaths /= handle.client;
          record := [record EXCEPT !.state = "idle", !.open = <<0, "done">>, !.held = hold];
        } else record := [record EXCEPT !.state = "idle", !.open = <<0, "done">>, !.held = FALSE];
      };
      Unlock();
    Forget:
      handle := NoHandle || hold := FALSE;
  }
}
} *)
\* BEGIN TRANSLATION
VARIABLES post, answer, accepted, offerLeft, offerRight, offerContinue, 
          answerData, answerHold, answerError, lock, record, handles, deaths, 
          outcome, accepts, finishes, copied, filter, replied, stranger, 
          truth, pc, n, mode, known, replaced, before, saw, word, left, right, 
          handle, hold

vars == << post, answer, accepted, offerLeft, offerRight, offerContinue, 
           answerData, answerHold, answerError, lock, record, handles, deaths, 
           outcome, accepts, finishes, copied, filter, replied, stranger, 
           truth, pc, n, mode, known, replaced, before, saw, word, left, 
           right, handle, hold >>

ProcSet == {"client"} \cup (Receivers) \cup (Finishers)

Init == (* Global variables *)
        /\ post = 0
        /\ answer = <<0, "done">>
        /\ accepted = 0
        /\ offerLeft = 0
        /\ offerRight = 0
        /\ offerContinue = FALSE
        /\ answerData = 0
        /\ answerHold = FALSE
        /\ answerError = FALSE
        /\ lock = FALSE
        /\ record = [state |-> "idle", sequence |-> 0, open |-> <<0, "done">>, continue |-> FALSE, held |-> FALSE,
                     serial |-> 0]
        /\ handles = {}
        /\ deaths = 0
        /\ outcome = [s \in Sequences |-> "none"]
        /\ accepts = [s \in Sequences |-> 0]
        /\ finishes = [s \in Sequences |-> 0]
        /\ copied = [s \in Sequences |-> TRUE]
        /\ filter = [s \in Sequences |-> TRUE]
        /\ replied = [s \in Sequences |-> TRUE]
        /\ stranger = FALSE
        /\ truth = [s \in Sequences |-> FALSE]
        (* Process client *)
        /\ n = 0
        /\ mode = "never"
        /\ known = FALSE
        /\ replaced = <<0, "done">>
        /\ before = <<0, "done">>
        /\ saw = 0
        (* Process receiver *)
        /\ word = [self \in Receivers |-> <<0, "done">>]
        /\ left = [self \in Receivers |-> 0]
        /\ right = [self \in Receivers |-> 0]
        (* Process finisher *)
        /\ handle = [self \in Finishers |-> NoHandle]
        /\ hold = [self \in Finishers |-> FALSE]
        /\ pc = [self \in ProcSet |-> CASE self = "client" -> "Offer"
                                        [] self \in Receivers -> "Receive"
                                        [] self \in Finishers -> "Idle"]

Offer == /\ pc["client"] = "Offer"
         /\ IF n < Last
               THEN /\ \E c \in {FALSE, Turns}:
                         \E m \in {"never", "before", "any"}:
                           /\ offerContinue' = c
                           /\ truth' = [truth EXCEPT ![n + 1] = c]
                           /\ mode' = m
                    /\ n' = n + 1
                    /\ /\ known' = FALSE
                       /\ replaced' = <<0, "done">>
                    /\ offerLeft' = n'
                    /\ pc' = [pc EXCEPT !["client"] = "Data"]
               ELSE /\ pc' = [pc EXCEPT !["client"] = "Done"]
                    /\ UNCHANGED << offerLeft, offerContinue, truth, n, mode, 
                                    known, replaced >>
         /\ UNCHANGED << post, answer, accepted, offerRight, answerData, 
                         answerHold, answerError, lock, record, handles, 
                         deaths, outcome, accepts, finishes, copied, filter, 
                         replied, stranger, before, saw, word, left, right, 
                         handle, hold >>

Data == /\ pc["client"] = "Data"
        /\ offerRight' = n
        /\ pc' = [pc EXCEPT !["client"] = "Post"]
        /\ UNCHANGED << post, answer, accepted, offerLeft, offerContinue, 
                        answerData, answerHold, answerError, lock, record, 
                        handles, deaths, outcome, accepts, finishes, copied, 
                        filter, replied, stranger, truth, n, mode, known, 
                        replaced, before, saw, word, left, right, handle, hold >>

Post == /\ pc["client"] = "Post"
        /\ post' = n
        /\ IF Bug = "putback"
              THEN /\ before' = answer
              ELSE /\ TRUE
                   /\ UNCHANGED before
        /\ pc' = [pc EXCEPT !["client"] = "Wait"]
        /\ UNCHANGED << answer, accepted, offerLeft, offerRight, offerContinue, 
                        answerData, answerHold, answerError, lock, record, 
                        handles, deaths, outcome, accepts, finishes, copied, 
                        filter, replied, stranger, truth, n, mode, known, 
                        replaced, saw, word, left, right, handle, hold >>

Wait == /\ pc["client"] = "Wait"
        /\ \/ /\ answer = <<n, "done">>
              /\ pc' = [pc EXCEPT !["client"] = "Read"]
           \/ /\ mode = "any"
              /\ pc' = [pc EXCEPT !["client"] = "Cancel"]
           \/ /\ mode /= "never" /\ ~known
              /\ IF Bug = "order"
                    THEN /\ pc' = [pc EXCEPT !["client"] = "Early"]
                    ELSE /\ pc' = [pc EXCEPT !["client"] = "Withdraw"]
           \/ /\ mode = "any" /\ deaths < Deaths
              /\ pc' = [pc EXCEPT !["client"] = "Die"]
        /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                        offerContinue, answerData, answerHold, answerError, 
                        lock, record, handles, deaths, outcome, accepts, 
                        finishes, copied, filter, replied, stranger, truth, n, 
                        mode, known, replaced, before, saw, word, left, right, 
                        handle, hold >>

Cancel == /\ pc["client"] = "Cancel"
          /\ IF answer = <<n, "done">>
                THEN /\ pc' = [pc EXCEPT !["client"] = "Read"]
                     /\ UNCHANGED << answer, outcome >>
                ELSE /\ answer' = <<n, "cancel">>
                     /\ outcome' = [outcome EXCEPT ![n] = "cancelled"]
                     /\ pc' = [pc EXCEPT !["client"] = "Offer"]
          /\ UNCHANGED << post, accepted, offerLeft, offerRight, offerContinue, 
                          answerData, answerHold, answerError, lock, record, 
                          handles, deaths, accepts, finishes, copied, filter, 
                          replied, stranger, truth, n, mode, known, replaced, 
                          before, saw, word, left, right, handle, hold >>

Early == /\ pc["client"] = "Early"
         /\ saw' = accepted
         /\ pc' = [pc EXCEPT !["client"] = "Withdraw"]
         /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                         offerContinue, answerData, answerHold, answerError, 
                         lock, record, handles, deaths, outcome, accepts, 
                         finishes, copied, filter, replied, stranger, truth, n, 
                         mode, known, replaced, before, word, left, right, 
                         handle, hold >>

Withdraw == /\ pc["client"] = "Withdraw"
            /\ IF answer = <<n, "done">>
                  THEN /\ pc' = [pc EXCEPT !["client"] = "Read"]
                       /\ UNCHANGED << answer, replaced >>
                  ELSE /\ replaced' = (IF Bug = "putback" THEN before ELSE answer)
                       /\ answer' = <<n, IF Bug = "tentative" THEN "cancel" ELSE "withdraw">>
                       /\ pc' = [pc EXCEPT !["client"] = "Look"]
            /\ UNCHANGED << post, accepted, offerLeft, offerRight, 
                            offerContinue, answerData, answerHold, answerError, 
                            lock, record, handles, deaths, outcome, accepts, 
                            finishes, copied, filter, replied, stranger, truth, 
                            n, mode, known, before, saw, word, left, right, 
                            handle, hold >>

Look == /\ pc["client"] = "Look"
        /\ IF Bug # "order"
              THEN /\ saw' = accepted
              ELSE /\ TRUE
                   /\ saw' = saw
        /\ pc' = [pc EXCEPT !["client"] = "Decide"]
        /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                        offerContinue, answerData, answerHold, answerError, 
                        lock, record, handles, deaths, outcome, accepts, 
                        finishes, copied, filter, replied, stranger, truth, n, 
                        mode, known, replaced, before, word, left, right, 
                        handle, hold >>

Decide == /\ pc["client"] = "Decide"
          /\ IF saw /= n
                THEN /\ outcome' = [outcome EXCEPT ![n] = "withdrawn"]
                     /\ saw' = 0
                     /\ pc' = [pc EXCEPT !["client"] = "Offer"]
                ELSE /\ pc' = [pc EXCEPT !["client"] = "Back"]
                     /\ UNCHANGED << outcome, saw >>
          /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                          offerContinue, answerData, answerHold, answerError, 
                          lock, record, handles, deaths, accepts, finishes, 
                          copied, filter, replied, stranger, truth, n, mode, 
                          known, replaced, before, word, left, right, handle, 
                          hold >>

Back == /\ pc["client"] = "Back"
        /\ saw' = 0
        /\ IF answer = <<n, "confirmed">>
              THEN /\ outcome' = [outcome EXCEPT ![n] = "withdrawn"]
                   /\ pc' = [pc EXCEPT !["client"] = "Offer"]
                   /\ UNCHANGED << answer, known, replaced >>
              ELSE /\ IF answer = <<n, "done">>
                         THEN /\ pc' = [pc EXCEPT !["client"] = "Read"]
                              /\ UNCHANGED << answer, known, replaced >>
                         ELSE /\ answer' = replaced
                              /\ known' = TRUE
                              /\ replaced' = <<0, "done">>
                              /\ pc' = [pc EXCEPT !["client"] = "Wait"]
                   /\ UNCHANGED outcome
        /\ UNCHANGED << post, accepted, offerLeft, offerRight, offerContinue, 
                        answerData, answerHold, answerError, lock, record, 
                        handles, deaths, accepts, finishes, copied, filter, 
                        replied, stranger, truth, n, mode, before, word, left, 
                        right, handle, hold >>

Die == /\ pc["client"] = "Die"
       /\ ~lock
       /\ deaths' = deaths + 1
       /\ /\ accepts' = [s \in Sequences |-> 0]
          /\ finishes' = [s \in Sequences |-> 0]
          /\ outcome' = [s \in Sequences |-> "none"]
       /\ /\ accepted' = 0
          /\ answer' = <<0, "done">>
          /\ n' = 0
          /\ post' = 0
       /\ record' = [state |-> "idle", sequence |-> 0, open |-> <<0, "done">>, continue |-> FALSE, held |-> FALSE,
                     serial |-> IF Bug = "rebind" THEN 0 ELSE record.serial]
       /\ pc' = [pc EXCEPT !["client"] = "Offer"]
       /\ UNCHANGED << offerLeft, offerRight, offerContinue, answerData, 
                       answerHold, answerError, lock, handles, copied, filter, 
                       replied, stranger, truth, mode, known, replaced, before, 
                       saw, word, left, right, handle, hold >>

Read == /\ pc["client"] = "Read"
        /\ replied' = [replied EXCEPT ![n] = answerData = n]
        /\ outcome' = [outcome EXCEPT ![n] = IF answerError THEN "error" ELSE "reply"]
        /\ pc' = [pc EXCEPT !["client"] = "Offer"]
        /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                        offerContinue, answerData, answerHold, answerError, 
                        lock, record, handles, deaths, accepts, finishes, 
                        copied, filter, stranger, truth, n, mode, known, 
                        replaced, before, saw, word, left, right, handle, hold >>

client == Offer \/ Data \/ Post \/ Wait \/ Cancel \/ Early \/ Withdraw
             \/ Look \/ Decide \/ Back \/ Die \/ Read

Receive(self) == /\ pc[self] = "Receive"
                 /\ \/ /\ ~lock /\ post /= record.sequence
                       /\ lock' = TRUE
                       /\ record' = [record EXCEPT !.state = "queued", !.sequence = post, !.open = <<0, "done">>]
                       /\ pc' = [pc EXCEPT ![self] = "Header"]
                    \/ /\ ~lock /\ record.state = "queued"
                       /\ lock' = TRUE
                       /\ pc' = [pc EXCEPT ![self] = "Accept"]
                       /\ UNCHANGED record
                 /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                                 offerContinue, answerData, answerHold, 
                                 answerError, handles, deaths, outcome, 
                                 accepts, finishes, copied, filter, replied, 
                                 stranger, truth, n, mode, known, replaced, 
                                 before, saw, word, left, right, handle, hold >>

Header(self) == /\ pc[self] = "Header"
                /\ record' = [record EXCEPT !.continue = offerContinue,
                                            !.held = record.held /\ offerContinue]
                /\ lock' = FALSE
                /\ pc' = [pc EXCEPT ![self] = "Receive"]
                /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                                offerContinue, answerData, answerHold, 
                                answerError, handles, deaths, outcome, accepts, 
                                finishes, copied, filter, replied, stranger, 
                                truth, n, mode, known, replaced, before, saw, 
                                word, left, right, handle, hold >>

Accept(self) == /\ pc[self] = "Accept"
                /\ accepted' = record.sequence
                /\ pc' = [pc EXCEPT ![self] = "LoadAnswer"]
                /\ UNCHANGED << post, answer, offerLeft, offerRight, 
                                offerContinue, answerData, answerHold, 
                                answerError, lock, record, handles, deaths, 
                                outcome, accepts, finishes, copied, filter, 
                                replied, stranger, truth, n, mode, known, 
                                replaced, before, saw, word, left, right, 
                                handle, hold >>

LoadAnswer(self) == /\ pc[self] = "LoadAnswer"
                    /\ word' = [word EXCEPT ![self] = answer]
                    /\ pc' = [pc EXCEPT ![self] = "LoadPost"]
                    /\ UNCHANGED << post, answer, accepted, offerLeft, 
                                    offerRight, offerContinue, answerData, 
                                    answerHold, answerError, lock, record, 
                                    handles, deaths, outcome, accepts, 
                                    finishes, copied, filter, replied, 
                                    stranger, truth, n, mode, known, replaced, 
                                    before, saw, left, right, handle, hold >>

LoadPost(self) == /\ pc[self] = "LoadPost"
                  /\ IF word[self] = <<record.sequence, "cancel">> /\ Bug # "tentative"
                        THEN /\ pc' = [pc EXCEPT ![self] = "Drop"]
                             /\ UNCHANGED record
                        ELSE /\ IF word[self][1] = record.sequence /\ word[self][2] \in {"withdraw", "cancel"}
                                   THEN /\ pc' = [pc EXCEPT ![self] = "Confirm"]
                                        /\ UNCHANGED record
                                   ELSE /\ IF post /= record.sequence /\ Bug # "stale"
                                              THEN /\ pc' = [pc EXCEPT ![self] = "Drop"]
                                                   /\ UNCHANGED record
                                              ELSE /\ record' = [record EXCEPT !.open = word[self]]
                                                   /\ pc' = [pc EXCEPT ![self] = "CopyLeft"]
                  /\ UNCHANGED << post, answer, accepted, offerLeft, 
                                  offerRight, offerContinue, answerData, 
                                  answerHold, answerError, lock, handles, 
                                  deaths, outcome, accepts, finishes, copied, 
                                  filter, replied, stranger, truth, n, mode, 
                                  known, replaced, before, saw, word, left, 
                                  right, handle, hold >>

Confirm(self) == /\ pc[self] = "Confirm"
                 /\ IF answer = word[self]
                       THEN /\ answer' = <<record.sequence, "confirmed">>
                            /\ pc' = [pc EXCEPT ![self] = "Drop"]
                       ELSE /\ pc' = [pc EXCEPT ![self] = "LoadAnswer"]
                            /\ UNCHANGED answer
                 /\ UNCHANGED << post, accepted, offerLeft, offerRight, 
                                 offerContinue, answerData, answerHold, 
                                 answerError, lock, record, handles, deaths, 
                                 outcome, accepts, finishes, copied, filter, 
                                 replied, stranger, truth, n, mode, known, 
                                 replaced, before, saw, word, left, right, 
                                 handle, hold >>

CopyLeft(self) == /\ pc[self] = "CopyLeft"
                  /\ left' = [left EXCEPT ![self] = offerLeft]
                  /\ pc' = [pc EXCEPT ![self] = "CopyRight"]
                  /\ UNCHANGED << post, answer, accepted, offerLeft, 
                                  offerRight, offerContinue, answerData, 
                                  answerHold, answerError, lock, record, 
                                  handles, deaths, outcome, accepts, finishes, 
                                  copied, filter, replied, stranger, truth, n, 
                                  mode, known, replaced, before, saw, word, 
                                  right, handle, hold >>

CopyRight(self) == /\ pc[self] = "CopyRight"
                   /\ right' = [right EXCEPT ![self] = offerRight]
                   /\ pc' = [pc EXCEPT ![self] = "Commit"]
                   /\ UNCHANGED << post, answer, accepted, offerLeft, 
                                   offerRight, offerContinue, answerData, 
                                   answerHold, answerError, lock, record, 
                                   handles, deaths, outcome, accepts, finishes, 
                                   copied, filter, replied, stranger, truth, n, 
                                   mode, known, replaced, before, saw, word, 
                                   left, handle, hold >>

Commit(self) == /\ pc[self] = "Commit"
                /\ IF Bug # "torn" /\ answer /= record.open /\ answer /= <<record.sequence, "withdraw">>
                      /\ ~(Bug = "tentative" /\ answer = <<record.sequence, "cancel">>)
                      THEN /\ pc' = [pc EXCEPT ![self] = "Drop"]
                           /\ UNCHANGED << record, handles, accepts, copied, 
                                           filter >>
                      ELSE /\ LET s == record.sequence IN
                                LET error == record.continue /\ ~record.held IN
                                  /\ accepts' = [accepts EXCEPT ![s] = accepts[s] + 1]
                                  /\ copied' = [copied EXCEPT ![s] = left[self] = s /\ right[self] = s]
                                  /\ filter' = [filter EXCEPT ![s] = record.continue = truth[s]]
                                  /\ handles' = (handles \union {[serial |-> record.serial + 1, sequence |-> s, client |-> deaths, error |-> error, number |-> i]
                                                                 : i \in 1..Tries})
                           /\ record' = [record EXCEPT !.state = "accepted",
                                                       !.serial = record.serial + 1]
                           /\ pc' = [pc EXCEPT ![self] = "Leave"]
                /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                                offerContinue, answerData, answerHold, 
                                answerError, lock, deaths, outcome, finishes, 
                                replied, stranger, truth, n, mode, known, 
                                replaced, before, saw, word, left, right, 
                                handle, hold >>

Drop(self) == /\ pc[self] = "Drop"
              /\ record' = [record EXCEPT !.state = "idle", !.open = <<0, "done">>]
              /\ pc' = [pc EXCEPT ![self] = "Leave"]
              /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                              offerContinue, answerData, answerHold, 
                              answerError, lock, handles, deaths, outcome, 
                              accepts, finishes, copied, filter, replied, 
                              stranger, truth, n, mode, known, replaced, 
                              before, saw, word, left, right, handle, hold >>

Leave(self) == /\ pc[self] = "Leave"
               /\ word' = [word EXCEPT ![self] = <<0, "done">>]
               /\ left' = [left EXCEPT ![self] = 0]
               /\ right' = [right EXCEPT ![self] = 0]
               /\ lock' = FALSE
               /\ pc' = [pc EXCEPT ![self] = "Receive"]
               /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                               offerContinue, answerData, answerHold, 
                               answerError, record, handles, deaths, outcome, 
                               accepts, finishes, copied, filter, replied, 
                               stranger, truth, n, mode, known, replaced, 
                               before, saw, handle, hold >>

receiver(self) == Receive(self) \/ Header(self) \/ Accept(self)
                     \/ LoadAnswer(self) \/ LoadPost(self) \/ Confirm(self)
                     \/ CopyLeft(self) \/ CopyRight(self) \/ Commit(self)
                     \/ Drop(self) \/ Leave(self)

Idle(self) == /\ pc[self] = "Idle"
              /\ ~lock
              /\ \E h \in handles:
                   /\ handle' = [handle EXCEPT ![self] = h]
                   /\ handles' = handles \ {h}
              /\ IF record.state = "accepted" /\ (record.serial = handle'[self].serial \/ Bug = "handle")
                    THEN /\ lock' = TRUE
                         /\ \E h \in {FALSE, Turns}:
                              hold' = [hold EXCEPT ![self] = h /\ ~handle'[self].error]
                         /\ pc' = [pc EXCEPT ![self] = "Write"]
                    ELSE /\ pc' = [pc EXCEPT ![self] = "Forget"]
                         /\ UNCHANGED << lock, hold >>
              /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                              offerContinue, answerData, answerHold, 
                              answerError, record, deaths, outcome, accepts, 
                              finishes, copied, filter, replied, stranger, 
                              truth, n, mode, known, replaced, before, saw, 
                              word, left, right >>

Write(self) == /\ pc[self] = "Write"
               /\ /\ answerData' = handle[self].sequence
                  /\ answerError' = handle[self].error
                  /\ answerHold' = hold[self]
               /\ pc' = [pc EXCEPT ![self] = "Finish"]
               /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                               offerContinue, lock, record, handles, deaths, 
                               outcome, accepts, finishes, copied, filter, 
                               replied, stranger, truth, n, mode, known, 
                               replaced, before, saw, word, left, right, 
                               handle, hold >>

Finish(self) == /\ pc[self] = "Finish"
                /\ LET s == record.sequence IN
                     IF answer = record.open \/ answer = <<s, "withdraw">> \/ Bug = "finish"
                        THEN /\ answer' = <<s, "done">>
                             /\ finishes' = [finishes EXCEPT ![s] = finishes[s] + 1]
                             /\ stranger' = (stranger \/ s /= handle[self].sequence \/ deaths /= handle[self].client)
                             /\ record' = [record EXCEPT !.state = "idle", !.open = <<0, "done">>, !.held = hold[self]]
                        ELSE /\ record' = [record EXCEPT !.state = "idle", !.open = <<0, "done">>, !.held = FALSE]
                             /\ UNCHANGED << answer, finishes, stranger >>
                /\ lock' = FALSE
                /\ pc' = [pc EXCEPT ![self] = "Forget"]
                /\ UNCHANGED << post, accepted, offerLeft, offerRight, 
                                offerContinue, answerData, answerHold, 
                                answerError, handles, deaths, outcome, accepts, 
                                copied, filter, replied, truth, n, mode, known, 
                                replaced, before, saw, word, left, right, 
                                handle, hold >>

Forget(self) == /\ pc[self] = "Forget"
                /\ /\ handle' = [handle EXCEPT ![self] = NoHandle]
                   /\ hold' = [hold EXCEPT ![self] = FALSE]
                /\ pc' = [pc EXCEPT ![self] = "Idle"]
                /\ UNCHANGED << post, answer, accepted, offerLeft, offerRight, 
                                offerContinue, answerData, answerHold, 
                                answerError, lock, record, handles, deaths, 
                                outcome, accepts, finishes, copied, filter, 
                                replied, stranger, truth, n, mode, known, 
                                replaced, before, saw, word, left, right >>

finisher(self) == Idle(self) \/ Write(self) \/ Finish(self) \/ Forget(self)

Next == client
           \/ (\E self \in Receivers: receiver(self))
           \/ (\E self \in Finishers: finisher(self))

Spec == /\ Init /\ [][Next]_vars
        /\ WF_vars(client)
        /\ \A self \in Receivers : WF_vars(receiver(self))
        /\ \A self \in Finishers : WF_vars(finisher(self))

\* END TRANSLATION

\* The record stays within its states.
RecordOk ==
  /\ record.state \in {"idle", "queued", "accepted"}
  /\ record.sequence \in 0..Last
\* No message is handed out twice, and none that was withdrawn.
AcceptOnce == \A s \in Sequences : accepts[s] <= 1 /\ (outcome[s] = "withdrawn" => accepts[s] = 0)
\* Exactly one of reply and cancel.
OneEnd == \A s \in Sequences :
  /\ finishes[s] <= 1
  /\ outcome[s] \in {"reply", "error"} => finishes[s] = 1 /\ accepts[s] = 1
  /\ outcome[s] \in {"cancelled", "withdrawn"} => finishes[s] = 0
\* The receiver got the offer's own bytes, under the offer's own header.
Whole == \A s \in Sequences : copied[s] /\ filter[s]
\* The client got its own answer, also from memory that a late finish could write.
OwnAnswer == \A s \in Sequences : replied[s]
\* A handle finishes its own offer or none.
OwnHandle == ~stranger
\* Only a CONTINUE without a holder is refused.
Refusals == \A s \in Sequences : outcome[s] = "error" => truth[s]

\* Every offer ends: nobody has to strike, die, or hurry.
EveryOfferEnds == <>(pc["client"] = "Done")
===============================================================================
