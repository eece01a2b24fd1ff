"""The demo corpus's parts on data protection: written for this project, no text of any court or law."""

# One sentence a line reads better here than wrapped ones.
# ruff: noqa: E501

from themis_admin.console.demo_topics import Topic

CONTROLLERS = (
    "Klinik", "Arztpraxis", "Wohnungsbaugesellschaft", "Sparkasse", "Versicherung", "Gesamtschule", "Steuerkanzlei",
    "Onlinehändlerin", "Apotheke", "Fluggesellschaft", "Hochschule", "Gewerkschaft", "Auskunftei", "Stadtverwaltung",
    "Pflegeeinrichtung", "Partnervermittlung", "Krankenkasse", "Spedition", "Musikschule", "Personalvermittlung",
    "Hotelkette", "Kirchengemeinde", "Genossenschaftsbank", "Telefongesellschaft", "Softwarefirma", "Kindertagesstätte",
)  # fmt: skip

TOPICS = (
    Topic(
        subject="Auskunftsrecht",
        domain="Datenschutzrecht",
        norms=("Art. 15 DSGVO", "Art. 15 Abs. 1 und 3 DSGVO", "Art. 15 Abs. 3 DSGVO"),
        tags=("Auskunft", "Kopie", "Betroffenenrechte"),
        questions=(
            "Welche Auskunft muss eine {stelle} in {ort} nach {norm} erteilen?",
            "Darf eine {stelle} ein Auskunftsersuchen als exzessiv ablehnen?",
            "Bis wann muss eine {stelle} ein Auskunftsersuchen beantworten?",
            "Umfasst der Anspruch auf Kopie gegenüber einer {stelle} auch interne Vermerke?",
            "Darf eine {stelle} vor der Auskunft einen Ausweis verlangen?",
        ),
        facts=(
            "Ein früherer Kunde aus {ort} verlangt eine Kopie aller über ihn gespeicherten Daten.",
            "Die {stelle} antwortete erst nach {wochen} Wochen und nur mit einem Stammdatenblatt.",
            "Es ist bereits das {zahl2}. Ersuchen der Betroffenen innerhalb eines Jahres.",
            "Die Akte umfasst {menge} Seiten, darunter Schreiben, die auch Dritte betreffen.",
            "Die Betroffene will mit den Unterlagen einen Zahlungsanspruch vorbereiten.",
            "Die {stelle} kennt von der Antragstellerin nur eine E-Mail-Adresse.",
        ),
        rules=(
            "Nach {norm} kann die betroffene Person ohne Angabe von Gründen Auskunft und eine Kopie verlangen.",
            "Die Frist beträgt einen Monat und lässt sich bei Komplexität um zwei Monate verlängern.",
            "Der Begriff der personenbezogenen Daten ist weit; auch Bewertungen und Vermerke gehören dazu.",
            "Rechte Dritter begrenzen die Kopie, rechtfertigen aber nicht, sie insgesamt zu verweigern.",
        ),
        reasons=(
            "Ein datenschutzfremdes Motiv macht das Ersuchen noch nicht missbräuchlich.",
            "Die erste Kopie ist unentgeltlich, auch wenn {menge} Seiten zusammenkommen.",
            "Schwärzungen sind zulässig, soweit andere Personen erkennbar würden.",
            "Eine Ausweiskopie darf nur bei begründeten Zweifeln an der Identität verlangt werden.",
            "Über die Verlängerung muss innerhalb des ersten Monats unterrichtet werden; nach {wochen} Wochen ist es zu spät.",
            "Für die Ablehnung als exzessiv trägt die verantwortliche {stelle} die Beweislast.",
        ),
        outcomes=(
            "Die Auskunft ist zu vervollständigen.",
            "Die {stelle} darf das Ersuchen nicht zurückweisen, wohl aber um Präzisierung bitten.",
            "Bleibt die Auskunft aus, kommt neben der Klage eine Beschwerde bei der Aufsichtsbehörde in Betracht.",
            "Interne Vermerke sind herauszugeben, soweit sie sich auf die Person beziehen.",
        ),
    ),
    Topic(
        subject="Einwilligung",
        domain="Datenschutzrecht",
        norms=("Art. 7 DSGVO", "Art. 4 Nr. 11 DSGVO", "§ 25 TDDDG"),
        tags=("Einwilligung", "Cookies", "Werbung", "Widerruf"),
        questions=(
            "Ist ein vorangekreuztes Kästchen auf der Seite einer {stelle} eine wirksame Einwilligung?",
            "Darf eine {stelle} Werbung per E-Mail ohne Einwilligung versenden?",
            "Wie muss eine {stelle} in {ort} eine Einwilligung nach {norm} nachweisen?",
            "Ist die Einwilligung freiwillig, wenn die {stelle} sonst den Vertrag verweigert?",
        ),
        facts=(
            "Das Banner der {stelle} bietet „Alle annehmen“ groß und „Einstellungen“ als blassen Verweis an.",
            "Die Einwilligung wurde vor {jahre} Jahren auf Papier erteilt, das Formular ist nicht mehr auffindbar.",
            "Der Newsletter ging an {menge} Empfänger, von denen ein Teil nur eine Anfrage gestellt hatte.",
            "Eine Schülerin von 14 Jahren aus {ort} hat sich selbst angemeldet.",
            "Der Widerruf wurde telefonisch erklärt und {wochen} Wochen lang nicht umgesetzt.",
        ),
        rules=(
            "Eine Einwilligung setzt nach {norm} eine eindeutige bestätigende Handlung in informierter Weise voraus.",
            "Der Widerruf muss so einfach sein wie die Erteilung.",
            "Die Verantwortliche muss nachweisen können, wer wann in was eingewilligt hat.",
            "Die Kopplung an einen Vertrag spricht gegen die Freiwilligkeit, wenn die Daten dafür nicht nötig sind.",
        ),
        reasons=(
            "Schweigen und vorangekreuzte Felder genügen nicht.",
            "Ein Ablehnen auf der zweiten Ebene ist kein gleichwertiges Angebot.",
            "Bestandskundenwerbung ist ohne Einwilligung nur für eigene ähnliche Waren erlaubt.",
            "Ohne Protokoll der Anmeldung bleibt die {stelle} den Nachweis schuldig.",
            "Bei Minderjährigen unter 16 Jahren bedarf es der Zustimmung der Eltern.",
        ),
        outcomes=(
            "Die Verarbeitung war rechtswidrig, die Daten sind zu löschen.",
            "Die {stelle} sollte das Verfahren auf eine doppelte Bestätigung umstellen.",
            "Eine wirksame Einwilligung liegt vor, der Widerruf wirkt nur für die Zukunft.",
        ),
    ),
    Topic(
        subject="Beschäftigtendatenschutz",
        domain="Arbeitsrecht",
        norms=("§ 26 BDSG", "§ 26 Abs. 1 BDSG", "Art. 6 Abs. 1 DSGVO"),
        tags=("Beschäftigte", "Überwachung", "Betriebsrat", "Bewerbung"),
        questions=(
            "Darf eine {stelle} die E-Mails ihrer Beschäftigten auswerten?",
            "Wie lange darf eine {stelle} in {ort} Bewerbungsunterlagen aufbewahren?",
            "Ist die Ortung von Dienstfahrzeugen nach {norm} zulässig?",
            "Darf eine {stelle} nach einer Schwerbehinderung fragen?",
            "Muss der Betriebsrat zustimmen, wenn eine {stelle} eine Zeiterfassung mit Fingerabdruck einführt?",
        ),
        facts=(
            "Die {stelle} beschäftigt {menge} Personen in {ort} und hat einen Betriebsrat.",
            "Die private Nutzung des Postfachs war im Arbeitsvertrag untersagt.",
            "Ein abgelehnter Bewerber fordert nach {wochen} Wochen die Löschung seiner Unterlagen.",
            "Die Fahrzeuge melden alle {zahl} Sekunden ihren Standort, auch am Wochenende.",
            "Anlass war der Verdacht, dass Arbeitszeit falsch eingetragen wurde.",
        ),
        rules=(
            "Nach {norm} müssen Daten für das Beschäftigungsverhältnis erforderlich sein.",
            "Zur Aufdeckung von Straftaten braucht es dokumentierte tatsächliche Anhaltspunkte.",
            "Technische Einrichtungen, die Verhalten überwachen können, unterliegen der Mitbestimmung.",
            "Eine Dauerüberwachung ohne Anlass verletzt das Persönlichkeitsrecht.",
        ),
        reasons=(
            "Eine stichprobenhafte, angekündigte Kontrolle wäre das mildere Mittel gewesen.",
            "Bis zum Ablauf der Klagefrist besteht ein berechtigtes Interesse, danach fehlt es daran.",
            "Biometrische Daten sind besonders geschützt, ein Chip leistet dasselbe.",
            "In der Freizeit hat der Arbeitgeber kein Interesse am Standort des Fahrzeugs.",
            "Ob ein Gericht die Erkenntnisse verwerten darf, ist eine andere Frage als die der Zulässigkeit.",
        ),
        outcomes=(
            "Die Maßnahme war unzulässig.",
            "Die Unterlagen sind spätestens sechs Monate nach der Absage zu löschen.",
            "Mit einer Betriebsvereinbarung ließe sich die Verarbeitung auf eine tragfähige Grundlage stellen.",
            "Die Auswertung war ausnahmsweise erlaubt, weil der Verdacht konkret und dokumentiert war.",
        ),
    ),
    Topic(
        subject="Datenpanne",
        domain="Datenschutzrecht",
        norms=("Art. 33 DSGVO", "Art. 33 Abs. 1 DSGVO", "§ 65 BDSG"),
        tags=("Datenpanne", "Meldepflicht", "Sicherheit", "Verschlüsselung"),
        questions=(
            "Muss eine {stelle} den Verlust eines Laptops nach {norm} melden?",
            "Innerhalb welcher Frist ist ein Hackerangriff auf eine {stelle} zu melden?",
            "Wann muss eine {stelle} in {ort} die Betroffenen selbst benachrichtigen?",
            "Was gehört in die Meldung einer Datenpanne durch eine {stelle}?",
        ),
        facts=(
            "Ein unverschlüsselter Datenträger mit {menge} Kundendaten wurde in {ort} aus einem Auto gestohlen.",
            "Eine E-Mail mit offenem Verteiler ging an {menge} Empfänger.",
            "Der Angriff blieb {wochen} Wochen unbemerkt.",
            "Die Festplatte war nach dem Stand der Technik verschlüsselt, der Schlüssel ist nicht abhandengekommen.",
            "Der Dienstleister hat die {stelle} erst nach {zahl} Stunden unterrichtet.",
        ),
        rules=(
            "Nach {norm} ist eine Verletzung des Schutzes personenbezogener Daten grundsätzlich binnen 72 Stunden zu melden.",
            "Die Meldung entfällt nur, wenn voraussichtlich kein Risiko für die Betroffenen besteht.",
            "Bei hohem Risiko sind zusätzlich die Betroffenen in klarer Sprache zu benachrichtigen.",
            "Jede Verletzung ist zu dokumentieren, auch eine nicht meldepflichtige.",
        ),
        reasons=(
            "Die Frist läuft ab Kenntnis, Wochenenden zählen mit.",
            "Gesundheits- und Kontodaten begründen regelmäßig ein hohes Risiko.",
            "Eine wirksame Verschlüsselung schließt ein Risiko in der Regel aus.",
            "Fehlen noch Angaben, ist zunächst vorläufig zu melden und später zu ergänzen.",
            "Das Verschulden des Auftragsverarbeiters entlastet die {stelle} nicht.",
        ),
        outcomes=(
            "Die Meldung an die Aufsichtsbehörde war geboten und kam zu spät.",
            "Es genügt, den Vorfall intern zu dokumentieren.",
            "Neben der Meldung sind alle Betroffenen einzeln zu unterrichten.",
        ),
    ),
    Topic(
        subject="Videoüberwachung",
        domain="Datenschutzrecht",
        norms=("§ 4 BDSG", "Art. 13 DSGVO", "§ 4 Abs. 2 BDSG"),
        tags=("Video", "Speicherdauer", "Hinweisschild", "Interessenabwägung"),
        questions=(
            "Darf eine {stelle} in {ort} ihren Eingang mit Video überwachen?",
            "Wie lange darf eine {stelle} Videoaufnahmen speichern?",
            "Welche Hinweise verlangt {norm} bei einer Kamera?",
            "Kann ein Nachbar verlangen, dass eine Kamera in {ort} abgebaut wird?",
        ),
        facts=(
            "Die Kamera erfasst neben dem Eingang auch {zahl} m des öffentlichen Gehwegs.",
            "In den letzten {jahre} Jahren gab es in {ort} {zahl2} Einbrüche in der Straße.",
            "Die Aufnahmen werden {wochen} Wochen gespeichert und dann überschrieben.",
            "Ein Schild nennt weder die Verantwortliche noch einen Zweck.",
            "Der Wartebereich der {stelle} wird ganztägig aufgezeichnet.",
        ),
        rules=(
            "Zulässig ist die Überwachung, wenn ein berechtigtes Interesse überwiegt und kein milderes Mittel genügt.",
            "Nach {norm} muss vor dem Betreten des Bereichs erkennbar sein, wer zu welchem Zweck filmt.",
            "Die Speicherdauer ist auf das Erforderliche zu beschränken, in der Regel auf 72 Stunden.",
        ),
        reasons=(
            "Eine abstrakte Gefahr reicht nicht, es müssen Vorfälle dargelegt werden.",
            "In einem Wartebereich halten sich Menschen länger auf, ihr Interesse wiegt deshalb schwer.",
            "Der öffentliche Gehweg darf allenfalls in einem schmalen Streifen mit erfasst werden.",
            "Schon der Anschein einer Überwachung durch eine Attrappe kann das Persönlichkeitsrecht berühren.",
        ),
        outcomes=(
            "Die Kamera ist neu auszurichten, ein Abbau ist nicht erforderlich.",
            "Die Überwachung des Wartebereichs ist einzustellen.",
            "Mit Schild, kurzer Speicherdauer und Protokoll ist die Überwachung des Eingangs zulässig.",
        ),
    ),
    Topic(
        subject="Löschung",
        domain="Datenschutzrecht",
        norms=("Art. 17 DSGVO", "Art. 17 Abs. 1 DSGVO", "Art. 17 Abs. 1 Buchst. a DSGVO"),
        tags=("Löschung", "Aufbewahrung", "Einschränkung", "Suchmaschine"),
        questions=(
            "Wann muss eine {stelle} Kundendaten nach {norm} löschen?",
            "Darf eine {stelle} in {ort} Rechnungen trotz Löschverlangen aufbewahren?",
            "Wie lange darf eine {stelle} eine erledigte Forderung speichern?",
            "Reicht es, wenn eine {stelle} Daten sperrt statt sie zu löschen?",
        ),
        facts=(
            "Der Vertrag mit dem Betroffenen aus {ort} endete vor {jahre} Jahren.",
            "Die {stelle} verweist auf eine Sicherungskopie, die erst in {wochen} Wochen überschrieben wird.",
            "Die Forderung über {menge} Euro wurde vollständig beglichen.",
            "In einem Rechtsstreit könnten die Unterlagen noch als Beweis gebraucht werden.",
        ),
        rules=(
            "Daten sind nach {norm} zu löschen, sobald sie für ihren Zweck nicht mehr notwendig sind.",
            "Gesetzliche Aufbewahrungsfristen gehen der Löschung vor; die Daten sind dann einzuschränken.",
            "Löschen heißt unkenntlich machen, eine Anonymisierung kann genügen.",
        ),
        reasons=(
            "Handelsbriefe sind sechs, Buchungsbelege acht Jahre aufzubewahren.",
            "Eine Löschung im laufenden Sicherungslauf darf mit dem nächsten regulären Turnus erfolgen.",
            "Die bloße Möglichkeit eines Streits reicht nicht, er muss sich abzeichnen.",
            "Ein Löschkonzept mit Fristen je Datenart weist die Einhaltung am einfachsten nach.",
        ),
        outcomes=(
            "Die Daten sind zu löschen, die Rechnungen nur zu sperren.",
            "Der Anspruch besteht derzeit nicht, entsteht aber mit Ablauf der Frist.",
            "Die {stelle} muss die Löschung bestätigen und Empfänger der Daten unterrichten.",
        ),
    ),
    Topic(
        subject="Auftragsverarbeitung",
        domain="Datenschutzrecht",
        norms=("Art. 28 DSGVO", "Art. 28 Abs. 1 DSGVO", "Art. 28 Abs. 3 DSGVO"),
        tags=("Auftragsverarbeitung", "Drittland", "Cloud", "Vertrag"),
        questions=(
            "Braucht eine {stelle} einen Vertrag nach {norm}, wenn sie einen Cloud-Dienst nutzt?",
            "Darf eine {stelle} in {ort} Daten in einem Drittland verarbeiten lassen?",
            "Sind eine {stelle} und ihr Dienstleister gemeinsam verantwortlich?",
            "Was muss eine {stelle} bei der Auswahl eines Auftragsverarbeiters prüfen?",
        ),
        facts=(
            "Der Dienstleister betreibt Server in {ort}, lässt Wartung aber aus einem Drittland zu.",
            "Ein schriftlicher Vertrag fehlt, es gibt nur Allgemeine Geschäftsbedingungen.",
            "Der Dienst verarbeitet Daten von {menge} Personen und setzt {zahl2} Unterauftragnehmer ein.",
            "Die {stelle} hat den Anbieter seit {jahre} Jahren nicht überprüft.",
        ),
        rules=(
            "Nach {norm} darf nur beauftragt werden, wer hinreichende Garantien bietet.",
            "Schon der Fernzugriff aus einem Drittland ist eine Übermittlung.",
            "Wer Zwecke und Mittel mitbestimmt, ist nicht Auftragsverarbeiter, sondern Mitverantwortlicher.",
        ),
        reasons=(
            "Standardvertragsklauseln sind um eine Prüfung des Rechts im Zielland zu ergänzen.",
            "Unterauftragnehmer bedürfen der Genehmigung, ein Widerspruchsrecht genügt.",
            "Ein Zertifikat ist ein Anhaltspunkt, ersetzt aber die eigene Prüfung nicht.",
            "Nutzt der Dienst die Daten für eigene Zwecke, trägt die Auftragsverarbeitung insoweit nicht.",
        ),
        outcomes=(
            "Der Vertrag ist vor Beginn der Verarbeitung abzuschließen.",
            "Ohne zusätzliche Schutzmaßnahmen ist die Übermittlung zu unterlassen.",
            "Es liegt gemeinsame Verantwortlichkeit vor, eine Vereinbarung darüber ist nachzuholen.",
        ),
    ),
)
