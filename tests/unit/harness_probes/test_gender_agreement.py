"""Gender swaps keep the role of her, his, him and hers: sentences whose swap is written by hand."""

from __future__ import annotations

import random

import pytest

from harness_probes.counterfactual import gender
from harness_probes.text import apply, with_articles

SENTENCES = """\
I saw her.|I saw him.
I saw her yesterday.|I saw him yesterday.
I saw her car.|I saw his car.
I saw her in the car.|I saw him in the car.
I saw her and her dog.|I saw him and his dog.
He loves her very much.|She loves him very much.
He loves her very old dog.|She loves his very old dog.
Tell her the truth.|Tell him the truth.
Tell her to go.|Tell him to go.
Tell her that I called.|Tell him that I called.
Let her go.|Let him go.
Let her sleep.|Let him sleep.
She made her cry.|He made him cry.
Make her laugh!|Make him laugh!
I heard her sing.|I heard him sing.
I heard her voice.|I heard his voice.
I watched her leave.|I watched him leave.
We watched her dance.|We watched him dance.
Her dance was fine.|His dance was fine.
It hurts her feelings.|It hurts his feelings.
That dress is hers.|That dress is his.
Is it hers or his?|Is it his or hers?
His is better than hers.|Hers is better than his.
His was the first car.|Hers was the first car.
The car was his, not mine.|The car was hers, not mine.
His and her towels.|Her and his towels.
his or her opinion|her or his opinion
It belongs to him.|It belongs to her.
a friend of his|a friend of hers
a friend of his father|a friend of her mother
that car of his is fast|that car of hers is fast
He did it himself.|She did it herself.
He has lost his way.|She has lost her way.
He asked her if she was ill.|She asked him if he was ill.
He asked her name.|She asked his name.
He asked her a question.|She asked him a question.
We gave her a book.|We gave him a book.
We gave her two books.|We gave him two books.
We gave her the book.|We gave him the book.
We took her home.|We took him home.
We took her book home.|We took his book home.
We found her asleep.|We found him asleep.
He called her a liar.|She called him a liar.
He called her mother.|She called his father.
They considered her brilliant.|They considered him brilliant.
He thought her beautiful.|She thought him beautiful.
Both of her sons|Both of his daughters
For her, it was easy.|For him, it was easy.
For her it was easy.|For him it was easy.
With her gone, all is lost.|With him gone, all is lost.
He told her about it.|She told him about it.
He told her everything.|She told him everything.
He told her story.|She told his story.
her own idea|his own idea
He met her there.|She met him there.
He met her once.|She met him once.
He met her at noon.|She met him at noon.
behind her back|behind his back
He left her because he could.|She left him because she could.
To know her is to love her.|To know him is to love him.
What did she tell her?|What did he tell him?
He's his father's son.|She's her mother's daughter.
She'd seen him|He'd seen her
She'll tell him hers.|He'll tell her his.
Mr. Brown and his wife|Ms. Brown and her husband
Sir, is that your wife?|Madam, is that your husband?
The policeman lost his hat.|The policewoman lost her hat.
My sister-in-law and her boyfriend|My brother-in-law and his girlfriend
The waitress brought an actor his tea.|The waiter brought an actress her tea.
the King's daughter|the Queen's son
The boys' fathers|The girls' mothers
an heir|an heiress
a widower|a widow
a landlady|a landlord
the chairwoman herself|the chairman himself
an uncle and a nephew|an aunt and a niece
He saw her smile.|She saw him smile.
her smile was kind|his smile was kind
I bought her this.|I bought him this.
He gave her hers.|She gave him his.
Give him his.|Give her hers.
The film made him famous.|The film made her famous.
I admire her for her work.|I admire him for his work.
he drove her crazy|she drove him crazy
he drove her car|she drove his car
It was him.|It was her.
him and her|her and him
Not her!|Not him!
All her life|All his life
She loved all her children and her work.|He loved all his children and his work.
It cost her dearly.|It cost him dearly.
It cost her job.|It cost his job.
It cost her her job.|It cost him his job.
I like her more than him.|I like him more than her.
I like her most.|I like him most.
I like her better.|I like him better.
I like her most famous song.|I like his most famous song.
they want her to win|they want him to win
they want her win to count|they want his win to count
Miss Brown, I miss her.|Mr Brown, I miss him.
her still young face|his still young face
She is still her best friend.|He is still his best friend.
I like her best.|I like him best.
I like her best work.|I like his best work.
They left her alone with her fears.|They left him alone with his fears.
her close friend|his close friend
show her the door|show him the door
Miss you!|Miss you!
He saw her yesterday evening.|She saw him yesterday evening.
he made her dance with him|she made him dance with her
I miss her so.|I miss him so.
I miss her so much.|I miss him so much.
I know her well.|I know him well.
I know her well-made plans.|I know his well-made plans.
The doctor saw her first.|The doctor saw him first.
Her first film|His first film
He saw her then.|She saw him then.
her then husband|his then wife
he kissed her hand|she kissed his hand
he kissed her goodnight|she kissed him goodnight
he handed her one|she handed him one
her one mistake|his one mistake
He held her close.|She held him close.
He held her tight.|She held him tight.
He held her hand tight.|She held his hand tight.
Her Majesty|His Majesty
She walked past her.|He walked past him.
her past haunts her|his past haunts him
He pushed her aside.|She pushed him aside.
He wanted her dead.|She wanted him dead.
I saw her walk away.|I saw him walk away.
He wrote her off.|She wrote him off.
his only son|her only daughter
His, I think.|Hers, I think.
"""
"""Before and after; written along with the rules, so no measure of how good they are."""


@pytest.mark.parametrize("line", SENTENCES.splitlines())
def test_the_swap_agrees(line: str) -> None:
    before, after = line.split("|")
    edits = next(iter(gender.swap([before], random.Random(0)).values()), [[]])[0]
    assert apply(before, with_articles(before, edits)) == after
