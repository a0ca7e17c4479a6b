"""Names for the customers and agents of the demonstration. Nobody in particular."""

from typing import Final

FIRST_NAMES: Final = (  # noqa: SIM905 - words wrap, a list of 140 texts does not
    "Adèle Agathe Alain Albane Alice Amandine Amélie Anaïs André Anne-Laure Antoine Apolline "
    "Arnaud Arthur Aurélie Baptiste Bastien Béatrice Benoît Bérénice Blandine Brigitte Bruno "
    "Camille Carole Cécile Céline Charlotte Chloé Christelle Claire Clément Clotilde Corentin "
    "Cyril Damien Daniel Delphine Denis Didier Dominique Edgar Éléonore Élise Éloïse Émile "
    "Emmanuelle Eric Estelle Étienne Eugénie Fabien Fanny Farid Fatima Félix Florence Franck "
    "François Françoise Gabriel Gaëlle Geneviève Gérard Gilles Grégoire Guillaume Gwenaëlle "
    "Hélène Henri Hortense Hugo Inès Irène Isabelle Jacques Jean-Marc Jeanne Jérôme Joël Joséphine "
    "Julien Karim Laurence Léa Léonie Loïc Louise Lucas Lucie Madeleine Manon Marc Margaux "
    "Marie-Claude Marion Martine Mathilde Maxime Mélanie Michel Mireille Mohamed Monique Muriel "
    "Nadia Nathalie Nicolas Noémie Odile Olivier Pascale Patrice Paul Pauline Philippe Pierre "
    "Quentin Raphaël Régine Rémi Romain Rose Sabine Salomé Samia Sébastien Simone Solène Sophie "
    "Stéphane Suzanne Sylvain Théo Thérèse Thibault Thomas Valérie Véronique Victor Violette "
    "Virginie Vincent Yann Yasmine Yves Zoé"
).split()

LAST_NAMES: Final = (  # noqa: SIM905
    "Achard Arnaud Aubert Barbier Baron Barthélemy Benoît Berger Bernard Berthet Bertrand Besson "
    "Blanc Blanchard Bonnet Bouchet Bourgeois Boyer Brun Caron Chabert Champion Charpentier "
    "Chevalier Chevrier Clément Colin Collet Cordier Cottin Coulon Dallery David Delorme Deschamps "
    "Diallo Dubois Dufour Dumas Dupuis Durand Escoffier Fabre Faure Favier Fayolle Fernandez "
    "Ferrand Fleury Fontaine Fournier Gaillard Garcia Garnier Gauthier Genin Gérard Girard Giraud "
    "Gonin Granger Guérin Guichard Guillot Haddad Henry Huet Hubert Jacquet Jacquier Joly Julien "
    "Kaci Lacroix Lambert Laurent Leclerc Lefèvre Legrand Lemaire Leroux Lopez Mallet Marchand "
    "Martel Martinez Masson Mathieu Mercier Meunier Meyer Millet Moreau Morel Moulin Muller "
    "Nicolas Noël Olivier Paris Pasquier Payet Pelletier Perret Perrin Petit Philippe Picard "
    "Pichon Poncet Rambaud Renaud Rey Reynaud Richard Rivière Robin Roche Rolland Rousseau Roussel "
    "Roux Royer Sauvage Savoye Schmitt Simon Tessier Thévenet Thibaud Thomas Traoré Vacher "
    "Valentin Vasseur Verdier Vial Vidal Vincent Viollet Weber"
).split()

TRADES: Final = (
    "Boulangerie {}",
    "Pharmacie {}",
    "Garage {} & Fils",
    "Librairie {}",
    "Café {}",
    "Fleurs {}",
    "Boucherie {}",
    "Épicerie {}",
    "Pressing {}",
    "Menuiserie {}",
)

# Three branches, the first two as at any first start, and two tellers of each.
BRANCHES: Final = (
    ("lyon", "Lyon Bellecour"),
    ("villeurbanne", "Villeurbanne"),
    ("vaise", "Lyon Vaise"),
)
TELLERS: Final = (
    (("claire.morel", "Claire", "Morel"), ("mehdi.haddad", "Mehdi", "Haddad")),
    (("lucie.perrin", "Lucie", "Perrin"), ("paul.vidal", "Paul", "Vidal")),
    (("ines.roche", "Inès", "Roche"), ("hugo.fabre", "Hugo", "Fabre")),
)
