variable "name" {
  description = "Name of the deployment: one Salesforce org, one deployment."
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC, a /16 to /20."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zones" {
  description = "Availability zones to use, 2 to 4. Redshift Serverless wants 3."
  type        = number
  default     = 3

  validation {
    condition     = var.zones >= 2 && var.zones <= 4
    error_message = "Use 2 to 4 zones."
  }
}

variable "logs_key_arn" {
  description = "KMS key that encrypts the flow logs."
  type        = string
}

variable "temporal_outside" {
  description = "True = Temporal Cloud: the tasks reach port 7233 outside of the VPC."
  type        = bool
  default     = false
}
