# frozen_string_literal: true

require_relative "../support/recipes"

# The examples of the seed documents must work as they stand; SEED_DOCUMENTS names the folder that holds the documents.
RSpec.describe "the recipes of the seed documents" do
  documents = ENV.fetch("SEED_DOCUMENTS", nil)

  { "readme_notification" => "flock-readme.md", "slides_notification" => "flock-slides.md",
    "readme_subscription" => "flock-readme.md", "readme_run_chef" => "flock-readme.md",
    "readme_wait_until" => "flock-readme.md", "readme_wait_while" => "flock-readme.md",
    "slides_api" => "flock-slides.md", "slides_wait" => "flock-slides.md",
    "slides_subscription" => "flock-slides.md" }.each do |recipe, document|
    it "keeps #{recipe} as #{document} has it" do
      skip "set SEED_DOCUMENTS to the folder of the seed documents" unless documents

      lines = Recipes.read(recipe).lines(chomp: true)
      seed = File.readlines(File.join(documents, document), chomp: true)
      # The slides indent their code by four spaces.
      slide = seed.map { |line| line.delete_prefix("    ") }

      expect([seed, slide].flat_map { |text| text.each_cons(lines.length).to_a }).to include(lines)
    end
  end
end
